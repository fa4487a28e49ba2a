#!/usr/bin/env python3
"""Opens in real Keras what `keras new` writes, a network of each family. usage: open_in_keras.py [NAME ..]

Both compute the features of the same images, which must be the same. Needs keras 3.15 and tensorflow.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np

FAMILIES = """ConvNeXtTiny DenseNet121 EfficientNetB0 EfficientNetV2B0 InceptionResNetV2 InceptionV3 MobileNet MobileNetV2
MobileNetV3Small NASNetMobile ResNet50 ResNet50V2 VGG16 Xception""".split()
root = Path(__file__).resolve().parents[2]
subprocess.run(["cargo", "build", "-q", "-p", "keras"], cwd=root, check=True)
images = np.random.default_rng(1).uniform(0, 255, (2, 96, 96, 3)).astype("float32")


def command(*words):
    subprocess.run([root / "target/debug/keras", *map(str, words)], check=True)


def check(name, folder):
    file, x, y = folder / "m.keras", folder / "x.npy", folder / "y.npy"
    np.save(x, images)
    command("new", name, "--input-shape", "96,96,3", "--no-top", "--pooling", "avg", "--output", file)
    command("predict", file, "--input", x, "--output", y)
    model = keras.models.load_model(file)
    twin = getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), include_top=False, pooling="avg")
    assert [layer.name for layer in model.layers][2:] == [layer.name for layer in twin.layers][2:], "names of layers"
    # Into Keras's own model, the weights must fit, too.
    twin.load_weights(file)
    for of in (model, twin):
        expected = of.predict(images, verbose=0)
        worst = np.abs(np.load(y) - expected).max() / np.abs(expected).max()
        assert worst < 1e-3, worst
    return worst


with tempfile.TemporaryDirectory() as folder:
    for name in sys.argv[1:] or FAMILIES:
        keras.backend.clear_session()
        print(f"{name}: opened, its features differ by {check(name, Path(folder)):.1e} at most", flush=True)
