#!/usr/bin/env python3
"""Packs the golden values that the tests need. usage: pack.py GOLDEN_FOLDER (see README.md)"""
import json
import sys
import zipfile
from pathlib import Path

golden = Path(sys.argv[1])
here = Path(__file__).parent
KNOWN = {"Sequential", "InputLayer", "Dense", "Activation", "ReLU", "Softmax", "LeakyReLU", "Dropout", "Flatten",
         "Reshape", "BatchNormalization"}
PREPROCESSING = {"CategoryEncoding", "CenterCrop", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup",
                 "MelSpectrogram", "Normalization", "Rescaling", "Resizing", "STFTSpectrogram", "StringLookup",
                 "TextVectorization"}
LATER = {"Adafactor", "Lamb", "Muon", "LossScaleOptimizer"}


def config(path):
    with zipfile.ZipFile(path) as z:
        return json.loads(z.read("config.json"))


def classes(node):
    if isinstance(node, dict):
        if node.get("module", "") in ("keras.layers", "keras") and "class_name" in node:
            yield node["class_name"]
        for value in node.values():
            yield from classes(value)
    elif isinstance(node, list):
        for value in node:
            yield from classes(value)


def fits(model):
    used = set(classes(model["config"])) - {"DTypePolicy"}
    optimizer = (model.get("compile_config") or {}).get("optimizer") or {}
    return model["class_name"] == "Sequential" and used <= KNOWN and optimizer.get("class_name") not in LATER


members = {}
for kind, file in (("train", "init.keras"), ("layers", "model.keras")):
    for folder in sorted((golden / kind).iterdir()):
        if not (folder / file).exists():
            continue
        model = config(folder / file)
        if kind == "layers" and not PREPROCESSING & set(classes(model)) or kind == "train" and fits(model):
            name = f"{kind}/{folder.name}"
            members[f"{name}/config.json"] = json.dumps(model).encode()
            members[f"{name}/case.json"] = (folder / "case.json").read_bytes()
            members[f"{name}/io.npz"] = (folder / "io.npz").read_bytes()
misc = json.loads((golden / "misc.json").read_text())
misc = {kind: misc[kind] for kind in ("regularizers", "constraints", "initializers")}
members["misc.json"] = json.dumps(misc).encode()
with zipfile.ZipFile(here / "golden.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for name, data in sorted(members.items()):
        z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
print(len(members), "files")
