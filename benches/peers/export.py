"""Writes what peers read: networks of real Keras with random weights, as ONNX graphs and as Keras's files.

usage: export.py FOLDER, in the environment `tf`. torchvision's ResNet50 is another version of the network, so the graphs
for ONNX Runtime come from Keras, too. What is there stays.
"""

import os
import sys

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
import keras
import numpy as np


def mlp():
    sizes = (256, 128, 64, 32)
    dense = [keras.layers.Dense(units, activation="relu") for units in sizes]
    return keras.Sequential([keras.Input((784,)), *dense, keras.layers.Dense(10)])


def main(folder):
    os.makedirs(folder, exist_ok=True)
    networks = {
        "resnet50": lambda: keras.applications.ResNet50(weights=None),
        "mobilenet_v2": lambda: keras.applications.MobileNetV2(weights=None),
        "mlp": mlp,
    }
    for name, build in networks.items():
        path = os.path.join(folder, name)
        wanted = [path + ".onnx", path + ".keras", path + ".weights.h5"]
        if all(map(os.path.exists, wanted)):
            continue
        model = build()
        # What was never called cannot be exported.
        model(np.zeros((1, *model.input_shape[1:]), "float32"))
        model.save(path + ".keras")
        model.save_weights(path + ".weights.h5")
        model.export(path + ".onnx", format="onnx", verbose=False)


main(sys.argv[1])
