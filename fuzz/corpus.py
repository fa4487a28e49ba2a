#!/usr/bin/env python3
"""Makes the first inputs of the fuzz targets from the files that real Keras wrote. usage: fuzz/corpus.py"""
import io
import json
import shutil
import zipfile
from pathlib import Path

here = Path(__file__).parent
files = zipfile.ZipFile(here.parent / "testdata" / "files.zip")
BETWEEN = b"--PART--"
CASES = ["layers/dense_relu", "layers/stringlookup_int", "models/functional_ops"]


def read(name):
    return files.read(name) if name in files.namelist() else b""


def member(bytes, name):
    return zipfile.ZipFile(io.BytesIO(bytes)).read(name)


def put(target, name, *parts):
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(BETWEEN.join(parts))


shutil.rmtree(here / "corpus", ignore_errors=True)
for case in CASES:
    name = case.split("/")[1]
    keras = read(f"{case}/model.keras")
    config = json.dumps(json.loads(member(keras, "config.json")), separators=(",", ":")).encode()
    put("config", name, config)
    put("keras_file", name, config, member(keras, "model.weights.h5"), member(keras, "metadata.json"))
    put("safetensors", name, read(f"{case}/weights.safetensors"))
    arrays = zipfile.ZipFile(io.BytesIO(read(f"{case}/io.npz")))
    put("npz", name, arrays.read(arrays.namelist()[0]))
dense = CASES[0]
put("keras_file", "zip", read(f"{dense}/model_k2.keras"))
put("npz", "zip", read(f"{dense}/io_k2.npz"))
for name in ["model.weights.h5", "legacy_k2.h5"]:
    put("hdf5", name, read(f"{dense}/{name}"))
put("config", "mlp", member(read("models/seq_mlp/model_k2.keras"), "config.json"))
put("config", "rnn", member(read("layers/lstm_last/model.keras"), "config.json"))
for case in [dense, "layers/stringlookup_int", "layers/embedding"]:
    checkpoint = f"{case}/ckpt_k2/x.ckpt"
    put("checkpoint", case.split("/")[1], read(f"{checkpoint}.index"), read(f"{checkpoint}.data-00000-of-00001"))
# One with a loop besides, and one of Keras 2.
SAVED = [f"{case}/export_k3" for case in [*CASES, "layers/lstm_last"]] + [f"{dense}/savedmodel_k2"]
for inside in SAVED:
    variables = f"{inside}/variables/variables"
    put("saved_model", inside.replace("/", "_"), read(f"{inside}/saved_model.pb"), read(f"{variables}.index"),
        read(f"{variables}.data-00000-of-00001"), read(f"{inside}/keras_metadata.pb"))
