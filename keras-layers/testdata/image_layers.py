"""What layers on images compute: image_layers.json, made with Keras 3.15.1 on TensorFlow 2.21.

usage: python keras-layers/testdata/image_layers.py (writes beside itself)
A case: class, arguments, shape and dtype of the input, whether it is training, what two calls give.
"""
import json
from pathlib import Path

import keras
import numpy as np


def pixels(shape, dtype):
    values = (np.arange(int(np.prod(shape))) * 37 % 101) * 2.5
    return values.reshape(shape).astype(dtype)


def case(name, shape=(3, 5, 6, 2), dtype="float32", training=True, **arguments):
    layer = getattr(keras.layers, name)(**arguments)
    x = pixels(shape, dtype)
    ys = [np.array(layer(x, training=training)) for _ in range(2)]
    config = layer.get_config()
    del config["dtype"], config["name"]
    return dict(
        layer=name, arguments=arguments, config=config, shape=shape, dtype=dtype, training=training,
        output_shape=ys[0].shape, output_dtype=str(ys[0].dtype), outputs=[y.astype("float64").round(4).ravel().tolist() for y in ys],
    )


cases = [case("RandomFlip", seed=s, mode=m) for s in (1, 2) for m in ("horizontal", "vertical", "horizontal_and_vertical")]
cases += [case("RandomFlip", seed=3, training=False), case("RandomFlip", seed=4, shape=(5, 6, 2)), case("RandomFlip", seed=5, dtype="uint8")]
for fill_mode in ("reflect", "constant", "nearest", "wrap"):
    moved = dict(seed=7, fill_mode=fill_mode, fill_value=9.0)
    cases += [
        case("RandomRotation", factor=0.4, **moved),
        case("RandomZoom", height_factor=0.5, **moved),
        case("RandomZoom", height_factor=[0.2, 0.9], width_factor=[-0.5, 0.1], **moved),
        case("RandomTranslation", height_factor=0.5, width_factor=[0.1, 0.9], **moved),
    ]
cases += [
    case("RandomRotation", factor=[-0.1, 0.3], seed=8, interpolation="nearest", fill_mode="constant"),
    case("RandomRotation", factor=0.2, seed=9, shape=(5, 6, 2)),
    case("RandomRotation", factor=0.2, seed=9, training=False),
    case("RandomZoom", height_factor=0.3, seed=10, interpolation="nearest"),
    case("RandomTranslation", height_factor=0.3, width_factor=0.3, seed=11, interpolation="nearest"),
    case("CenterCrop", height=3, width=4),
    case("CenterCrop", height=8, width=4),
    case("CenterCrop", height=2, width=3, shape=(5, 6, 2), dtype="uint8"),
]
for arguments in (
    {},
    {"interpolation": "nearest"},
    {"interpolation": "bicubic"},
    {"interpolation": "lanczos3"},
    {"antialias": True},
    {"interpolation": "bicubic", "antialias": True},
    {"interpolation": "lanczos5", "antialias": True},
    {"crop_to_aspect_ratio": True},
    {"pad_to_aspect_ratio": True, "fill_value": 3.0},
):
    cases += [case("Resizing", height=h, width=w, **arguments) for h, w in ((3, 4), (9, 4))]
cases += [
    case("Resizing", height=3, width=4, dtype="uint8"),
    case("Resizing", height=9, width=9, dtype="uint8", interpolation="bicubic"),
    case("Resizing", height=3, width=4, shape=(5, 6, 2)),
]
Path(__file__).with_suffix(".json").write_text(json.dumps(cases))
print(len(cases), "cases")
