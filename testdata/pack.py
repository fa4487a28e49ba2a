#!/usr/bin/env python3
"""Packs the golden values that the tests need. usage: pack.py GOLDEN_FOLDER (see README.md)"""
import json
import sys
import zipfile
from pathlib import Path

golden = Path(sys.argv[1])
here = Path(__file__).parent
PREPROCESSING = {"CategoryEncoding", "CenterCrop", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup",
                 "MelSpectrogram", "Normalization", "Rescaling", "Resizing", "STFTSpectrogram", "StringLookup",
                 "TextVectorization"}


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


members = {}
for kind, file in (("train", "init.keras"), ("layers", "model.keras"), ("models", "model.keras")):
    for folder in sorted((golden / kind).iterdir()):
        if not (folder / file).exists():
            continue
        model = config(folder / file)
        if PREPROCESSING & set(classes(model)):
            continue
        name = f"{kind}/{folder.name}"
        members[f"{name}/config.json"] = json.dumps(model).encode()
        for member in ("case.json", "io.npz", "config_k2.json", "case_k2.json", "io_k2.npz"):
            if (folder / member).exists():
                members[f"{name}/{member}"] = (folder / member).read_bytes()
misc = json.loads((golden / "misc.json").read_text())
misc = {kind: misc[kind] for kind in ("regularizers", "constraints", "initializers")}
members["misc.json"] = json.dumps(misc).encode()
with zipfile.ZipFile(here / "golden.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for name, data in sorted(members.items()):
        z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
print(len(members), "files")
