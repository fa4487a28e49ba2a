#!/usr/bin/env python3
"""Prints what the constructors of tf.keras 2.15 take: a line `class<TAB>key,key,..` for each class.

usage: keras2_keys.py > keras-io/src/config/keras2_keys.tsv
Needs tensorflow 2.15.
"""
import inspect

import tensorflow as tf

keras = tf.keras
FAMILIES = [keras.layers, keras.initializers, keras.regularizers, keras.constraints, keras.optimizers,
            keras.optimizers.schedules, keras.losses, keras.metrics]
# What the base class takes as **kwargs.
LAYER = {"name", "trainable", "dtype", "activity_regularizer", "batch_input_shape"}
OPTIMIZER = {"name", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum",
             "ema_overwrite_frequency", "jit_compile"}


def keys(cls):
    found = set()
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        found |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - {"self"}
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            return found
        if base is keras.layers.Layer:
            return found | LAYER
        if base in (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN):
            # They hand on what is left to the base class of all recurrent layers, which takes one more.
            return found | LAYER | {"zero_output_for_mask"}
    return found | (OPTIMIZER if issubclass(cls, keras.optimizers.Optimizer) else set())


table = {}
for family in FAMILIES:
    for name, cls in vars(family).items():
        # Functions, and second names of a class, are left out.
        if inspect.isclass(cls) and cls.__name__ == name:
            table.setdefault(name, keys(cls))
for name in sorted(table):
    print(name, ",".join(sorted(table[name])), sep="\t")
