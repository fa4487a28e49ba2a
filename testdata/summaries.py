#!/usr/bin/env python3
"""Writes summaries.json: what real Keras prints of the golden models. usage: summaries.py GOLDEN_FOLDER (see README.md)"""
import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras

# Letters in a line of the terminal, and the arguments of `summary`.
WAYS = {
    "plain": (80, {}),
    "wide": (160, {"line_length": 130}),
    "nested": (160, {"expand_nested": True, "show_trainable": True}),
}
found = {}
for folder in sorted((Path(sys.argv[1]) / "models").iterdir()):
    if json.loads((folder / "case.json").read_text())["subclassed"]:
        continue
    keras.config.enable_unsafe_deserialization()
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    found[folder.name] = {}
    for way, (columns, arguments) in WAYS.items():
        os.environ["COLUMNS"] = str(columns)
        lines = []
        model.summary(print_fn=lines.append, **arguments)
        found[folder.name][way] = "\n".join(lines)
(Path(__file__).parent / "summaries.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
print(len(found), "models, keras", keras.__version__)
