#!/usr/bin/env python3
"""Makes files with the CuDNN layers of Keras 2, which no machine without their hardware can make itself. usage: make.py

A model with LSTM and GRU(reset_after=True) is written as a legacy `.h5` file by tf.keras 2.15; its classes are then renamed,
and its weights put into the layout of CuDNN by Keras's own function. What the model predicts is what a reader must get.
Needs tensorflow 2.15.
"""
import json

import h5py
import numpy as np
import tensorflow as tf
from keras.src.saving.legacy.hdf5_format import _convert_rnn_weights

layers = tf.keras.layers
tf.keras.utils.set_random_seed(1)
model = tf.keras.Sequential([
    layers.Input((5, 3)),
    layers.LSTM(4, return_sequences=True, bias_initializer="glorot_uniform"),
    layers.Bidirectional(layers.LSTM(2, return_sequences=True, bias_initializer="glorot_uniform")),
    layers.GRU(3, bias_initializer="glorot_uniform"),
], name="cudnn")
for variable in model.weights:
    if "bias" in variable.name:
        variable.assign(tf.random.uniform(variable.shape))
x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
np.savez("io.npz", x0=x, y0=model.predict(x, verbose=0))
model.save("cudnn.h5")


class CuDNNLSTM:
    pass


class CuDNNGRU:
    pass


def renamed(layer):
    if layer["class_name"] in ("LSTM", "GRU"):
        layer["class_name"] = "CuDNN" + layer["class_name"]
        for key in ("activation", "recurrent_activation", "use_bias", "dropout", "recurrent_dropout", "implementation",
                    "reset_after", "unroll", "time_major"):
            layer["config"].pop(key, None)
    if layer["class_name"] == "Bidirectional":
        renamed(layer["config"]["layer"])


with h5py.File("cudnn.h5", "r+") as file:
    config = json.loads(file.attrs["model_config"])
    for layer in config["config"]["layers"]:
        renamed(layer)
    file.attrs["model_config"] = json.dumps(config)
    for layer in model.layers:
        group = file["model_weights"][layer.name]
        names = list(group.attrs["weight_names"])
        weights = [group[name][()] for name in names]
        target = CuDNNGRU() if "gru" in layer.name else CuDNNLSTM()
        parts = [weights[i:i + 3] for i in range(0, len(weights), 3)]
        for i, value in enumerate(sum((_convert_rnn_weights(target, part) for part in parts), [])):
            del group[names[i]]
            group[names[i]] = value
