#!/usr/bin/env python3
"""Packs what Keras's own tests recorded of layers, activations, initializers, regularizers and constraints.

usage: pack.py FOLDER_OF_VECTORS
Writes vectors.jsonl.gz beside this script, and prints what was kept and why the rest was left out. README.md says more.
"""
import collections
import gzip
import json
import pathlib
import struct
import sys

FAMILIES = ("activations__", "initializers__", "regularizers__", "constraints__", "layers__")
CAP = 2000  # elements of a tensor
SAME = 2  # calls of one test with equal config, arguments and shapes: values of another draw add little
HERE = pathlib.Path(__file__).resolve().parent
OBJECTS = {
    "initializer.__call__": "initializer",
    "regularizer.__call__": "regularizer",
    "constraint.__call__": "constraint",
    "layer": "layer",
}
ACTIVATION_FUNCTIONS = {"ops.numpy.exp": "exponential", "ops.numpy.tanh": "tanh"}


class Left(Exception):
    """A record that is left out, and why."""


def single(x):
    """The shortest number that is the same float32."""
    wanted = struct.pack("f", x)
    for digits in range(1, 10):
        short = float(f"{x:.{digits}g}")
        if struct.pack("f", short) == wanted:
            return short
    return x


def tensor(v, narrow):
    if "data" not in v:
        raise Left("complex numbers")
    if v["dtype"] == "string":
        raise Left("strings")
    data = v["data"]
    if len(data) > CAP:
        raise Left(f"more than {CAP} elements")
    if "float" in v["dtype"] and (narrow or v["dtype"] != "float64"):
        data = [x if isinstance(x, str) else single(x) for x in data]
    data = [int(x) if isinstance(x, float) and x.is_integer() and abs(x) < 1e9 else x for x in data]
    if len(data) > 1 and all(x == data[0] for x in data):
        return {"dtype": v["dtype"], "shape": v["shape"], "all": data[0]}
    return {"dtype": v["dtype"], "shape": v["shape"], "data": data}


def plain(v, narrow):
    """Lists for tuples, names for functions, Keras's way of writing objects."""
    if isinstance(v, list):
        return [plain(x, narrow) for x in v]
    if not isinstance(v, dict):
        return v
    if "!" in v or v.get("big"):
        raise Left("a value that was not recorded")
    if "t" in v and len(v) == 1:
        return [plain(x, narrow) for x in v["t"]]
    if "var" in v:
        return tensor(v["var"], narrow)
    if "dtype" in v and ("data" in v or "re" in v):
        return tensor(v, narrow)
    if "kt" in v:
        return {"dtype": v["dtype"], "dims": v["kt"]}
    if "f" in v and len(v) == 1:
        return v["f"]
    if "slice" in v:
        raise Left("a slice")
    if "fn" in v:
        return function(v["fn"])
    if set(v) == {"class", "config"}:
        return {"class_name": class_name(v["class"]), "config": plain(v["config"], narrow)}
    module = str(v.get("module"))
    if v.get("registered_name") and (not module.startswith("keras") or "_test" in module) and not known(v):
        raise Left("a class of the test")
    if v.get("class_name") == "function":
        raise Left("a function of the test")
    return {k: plain(x, narrow) for k, x in v.items()}


def known(v):
    """Cells of Keras's tests that ours has, too."""
    return v.get("class_name") in ("OneStateRNNCell", "TwoStatesRNNCell")


def function(name):
    if ".activations." not in name and ".ops." not in name:
        raise Left("a function of the test")
    return name.rsplit(".", 1)[1]


def class_name(full):
    if "_test" in full or "<locals>" in full or not full.startswith("keras."):
        raise Left("a class of the test")
    if ".models." in full:
        raise Left("a model")
    return full.rsplit(".", 1)[1]


def objects(v):
    if isinstance(v, dict):
        yield v
        for x in v.values():
            yield from objects(x)
    elif isinstance(v, list):
        for x in v:
            yield from objects(x)


def draws(config):
    """Whether something in the config draws random numbers in training without a fixed seed."""
    rates = ("rate", "dropout", "recurrent_dropout", "stddev")
    return any(
        any(isinstance(o.get(r), (int, float)) and o[r] > 0 for r in rates) and o.get("seed") is None
        for o in objects(config)
    )


def layer_test(r):
    args = r["args"]
    skip = ("custom_objects", "run_training_check", "run_mixed_precision_check", "assert_built_after_instantiation")
    if args.get("input_sparse") or args.get("input_ragged"):
        raise Left("sparse or ragged input")
    facts = {k: plain(v, True) for k, v in args.items() if k not in skip and v is not None and k != "init_kwargs"}
    for flag in ("input_sparse", "input_ragged", "expected_output_sparse", "expected_output_ragged"):
        facts.pop(flag, None)
    config = plain(args.get("init_kwargs") or {}, True)
    if isinstance(config.get("cell"), list):
        config["cell"] = {"class_name": "StackedRNNCells", "config": {"cells": config["cell"]}}
    if "invalid" in r["test"]:
        facts["fails"] = True
    return {"family": "layer", "kind": "layer_test", "class": class_name(r["cls"]), "config": config, "facts": facts}


def policy(config):
    """The name of the dtype that a layer computes in."""
    dtype = config.get("dtype") or "float32"
    return dtype if isinstance(dtype, str) else dtype.get("config", {}).get("name", "float32")


def record(r):
    if r["kind"] == "layer_test":
        return layer_test(r)
    producer = r["producer"]
    if producer in OBJECTS:
        family, name = OBJECTS[producer], class_name(r["obj"]["class"])
        config = plain(r["obj"]["config"], True)
    elif r["test"].startswith("activations."):
        name = ACTIVATION_FUNCTIONS.get(producer, producer.rsplit(".", 1)[1])
        if not producer.startswith("ops.nn.") and producer not in ACTIVATION_FUNCTIONS:
            raise Left("no activation")
        family, config = "activation", None
    else:
        raise Left("an operation")
    # Layers compute in float32 whatever the test gave.
    dtype = policy(config) if family == "layer" else None
    narrow = family == "layer" and dtype != "float64"
    if dtype and ("float16" in dtype or "int8" in dtype):
        raise Left("mixed or quantized dtype")
    args, kwargs = plain(r["inputs"]["args"], narrow), plain(r["inputs"]["kwargs"], narrow)
    out = {"family": family, "kind": r["kind"], "class": name, "config": config, "args": args, "kwargs": kwargs}
    if family == "initializer" and name not in ("Zeros", "Ones", "Constant", "Identity", "STFT"):
        if r["kind"] != "raises" and not isinstance(config.get("seed"), int):
            raise Left("random values without a fixed seed")
        if name == "OrthogonalInitializer" or name == "Orthogonal":
            raise Left("a factorization, unique only up to signs of rounding")
    if family == "layer" and r["kind"] in ("call", "assert"):
        training = kwargs.get("training") is True
        if (training or name.startswith("Random")) and draws(config):
            raise Left("random values without a fixed seed")
        state = r["state"]
        paths, after = [w[0] for w in state["weights"]], [w[1] for w in state["weights"]]
        before = state["weights_before"]
        if before is None and name == "BatchNormalization" and training:
            raise Left("moving statistics that were recorded after the call only")
        if before is not None and any(o.get("stateful") for o in objects(config)):
            raise Left("states of earlier calls, which were not recorded")
        first = after if before is None else before
        if len(first) != len(after):
            raise Left("weights that came with the call")
        out["weights"] = [[path, plain(v, True)] for path, v in zip(paths, first)]
        if first != after:
            out["after"] = [plain(v, True) for v in after]
    if r["kind"] in ("call", "shape"):
        out["output"] = plain(r["output"], narrow)
    elif r["kind"] == "assert":
        out.update(how=r["how"], tol=r["tol"], index=r["index"], expected=plain(r["expected"], narrow))
    else:
        out["error"] = r["error"]
    return out


def shapes(v):
    if isinstance(v, dict) and "shape" in v and "dtype" in v:
        return [v["dtype"], v["shape"]]
    if isinstance(v, dict):
        return {k: shapes(x) for k, x in v.items()}
    return [shapes(x) for x in v] if isinstance(v, list) else v


def alike(test, out):
    config = {k: v for k, v in (out.get("config") or {}).items() if k != "name"}
    parts = [test, out["family"], out["kind"], out["class"], config, shapes(out.get("args")), shapes(out.get("kwargs"))]
    return json.dumps(parts, sort_keys=True)


def main(folder):
    kept, left = collections.Counter(), collections.Counter()
    seen, lines, known = collections.Counter(), [], set()
    for path in sorted(folder.glob("*.jsonl.gz")):
        if not path.name.startswith(FAMILIES) or path.name.startswith("layers__preprocessing__"):
            continue
        for line in gzip.open(path, "rt"):
            r = json.loads(line)
            try:
                out = record(r)
            except Left as reason:
                left[str(reason)] += 1
                continue
            test = r["test"].split(" ")[0]
            key = alike(test, out)
            seen[key] += 1
            if out["kind"] in ("call", "shape") and seen[key] > SAME:
                left["one more call like others"] += 1
                continue
            text = json.dumps(out, separators=(",", ":"), sort_keys=True)
            if text in known:
                left["said before"] += 1
                continue
            known.add(text)
            short = ".".join(test.split(".")[-3:])
            lines.append(text[:-1] + f',"test":{json.dumps(short)}}}')
            kept[out["family"], out["kind"]] += 1
    target = HERE / "vectors.jsonl.gz"
    # No time in the file: equal records give equal bytes.
    with open(target, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as packed:
        packed.write(("\n".join(lines) + "\n").encode())
    print(f"{len(lines)} records, {target.stat().st_size // 1024} KiB")
    for counts in (kept, left):
        for what, n in sorted(counts.items(), key=str):
            print(f"  {n:5} {what}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
