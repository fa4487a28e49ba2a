"""Where Keras's applications have their weights from: published.tsv, made with Keras 3.15.1 on TensorFlow 2.21.

usage: python testdata/published.py > testdata/published.tsv
A line: name, include_top, arguments, file in the cache, address, hash.
"""
import json
import keras
from keras.src.utils import file_utils

NAMES = [n for n in dir(keras.applications) if n[0].isupper()]


class Asked(Exception):
    pass


def asked(fname, origin, file_hash=None, **others):
    raise Asked(fname, origin, file_hash or others.get("md5_hash") or "")


file_utils.get_file = asked


def variants(name):
    if name == "MobileNet":
        return [dict(alpha=a, input_shape=(s, s, 3)) for a in (0.25, 0.5, 0.75, 1.0) for s in (128, 160, 192, 224)]
    if name == "MobileNetV2":
        alphas = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
        return [dict(alpha=a, input_shape=(s, s, 3)) for a in alphas for s in (96, 128, 160, 192, 224)]
    if name.startswith("MobileNetV3"):
        return [dict(alpha=0.75), dict(alpha=1.0), dict(minimalistic=True)]
    return [{}]


for name in NAMES:
    for include_top in (True, False):
        for arguments in variants(name):
            try:
                getattr(keras.applications, name)(include_top=include_top, **arguments)
            except Asked as e:
                print(name, include_top, json.dumps(arguments), *e.args, sep="\t")
