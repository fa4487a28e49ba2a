#!/usr/bin/env python3
"""Packs what Keras's applications are and compute. usage: pack_applications.py GOLDEN_FOLDER (see README.md)"""
import gzip
import json
import sys
from pathlib import Path

golden = Path(sys.argv[1])
here = Path(__file__).parent
tables = json.loads((golden / "applications.json").read_text())
manifest = json.loads((golden / "manifest.json").read_text())
[case] = [case for case in manifest["cases"] if case["case"] == "applications.json"]
packed = {key: case[key] for key in ("atol", "rtol")} | {key: tables[key] for key in ("formula", "seed", "models")}
data = json.dumps(packed, separators=(",", ":")).encode()
(here / "applications.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))
print(len(packed["models"]), "architectures")
