#!/usr/bin/env python3
"""Packs files that Keras wrote, with what their models compute. usage: pack_files.py GOLDEN_FOLDER (see README.md)"""
import sys
import zipfile
from pathlib import Path

golden = Path(sys.argv[1])
here = Path(__file__).parent
FILES = {
    "layers": ["model.keras", "model_k2.keras", "legacy_k3.h5", "legacy_k2.h5", "model.weights.h5", "case.json", "io.npz",
               "io_k2.npz", "weights.safetensors"],
    "models": ["model.keras", "model_k2.keras", "legacy_k3.h5", "legacy_k2.h5", "model.weights.h5", "k2_weights.h5",
               "sub.weights.h5", "case.json", "io.npz", "io_k2.npz", "weights.safetensors"],
    "train": ["final.keras", "final_k2.keras", "final.h5", "final_k2.h5", "case.json", "case_k2.json", "io.npz", "io_k2.npz"],
}
FOLDERS = ["ckpt_k2", "savedmodel_k2", "export_k3"]
# One of each architecture and optimizer; the others differ in settings that files do not hold.
members = {}
for kind, names in FILES.items():
    for folder in sorted((golden / kind).iterdir()):
        for name in names:
            if (folder / name).exists():
                members[f"{kind}/{folder.name}/{name}"] = (folder / name).read_bytes()
        for file in sorted(f for name in FOLDERS for f in (folder / name).rglob("*") if f.is_file()):
            members[f"{kind}/{folder.name}/{file.relative_to(folder)}"] = file.read_bytes()
with zipfile.ZipFile(here / "files.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for name, data in sorted(members.items()):
        z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
print(len(members), "files")
