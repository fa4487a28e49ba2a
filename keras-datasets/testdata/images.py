"""Folders of pictures as Keras reads them: images/ and images.json, made with Keras 3.15.1, TensorFlow 2.21, Pillow.

usage: python keras-datasets/testdata/images.py (writes beside itself)
"""
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

here = Path(__file__).parent
folder = here / "images"
random = np.random.default_rng(5)


def picture(path, rows, columns, mode):
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    pixels = random.integers(0, 256, (rows, columns, channels), dtype="uint8")
    Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels, mode).save(path)


picture(folder / "cats" / "a.png", 5, 7, "RGB")
picture(folder / "cats" / "B.PNG", 6, 6, "L")
picture(folder / "cats" / "more" / "c.bmp", 4, 5, "RGB")
picture(folder / "cats" / "d.gif", 5, 5, "L")
picture(folder / "dogs" / "1.png", 8, 3, "RGBA")
picture(folder / "dogs" / "10.png", 3, 8, "RGB")
picture(folder / "dogs" / "2.png", 6, 7, "RGB")
picture(folder / "eels" / "x.png", 7, 5, "RGB")
(folder / "eels" / "notes.txt").write_text("no picture")
picture(folder / ".hidden" / "h.png", 3, 3, "RGB")


def numbers(x):
    return np.asarray(x, "float32").round(4).ravel().tolist()


def read(**arguments):
    subset = arguments.get("subset")
    data = keras.utils.image_dataset_from_directory(folder, batch_size=None, verbose=False, **arguments)
    both = data if subset == "both" else [data]
    # The order of tf.data's own shuffling is another matter: files and labels are what Keras orders.
    names = [[str(Path(p).relative_to(folder)) for p in d.file_paths] for d in both]
    result = dict(arguments=arguments, files=names, classes=both[0].class_names)
    if not arguments.get("shuffle", True):
        samples = [s for d in both for s in d]
        result["images"] = [numbers(s[0] if isinstance(s, tuple) else s) for s in samples]
        result["labels"] = [np.asarray(s[1]).tolist() if isinstance(s, tuple) else None for s in samples]
    return result


plain = dict(shuffle=False, image_size=(4, 6))
cases = [
    read(**plain),
    read(**plain, label_mode="categorical", interpolation="nearest"),
    read(**plain, label_mode=None),
    read(**plain, labels=None, label_mode=None),
    read(**plain, labels=[3, 1, 4, 1, 5, 9, 2, 6, 5]),
    read(**plain, class_names=["eels", "dogs"], label_mode="binary"),
    read(**plain, crop_to_aspect_ratio=True),
    read(**plain, pad_to_aspect_ratio=True),
    read(**plain, color_mode="rgba", class_names=["dogs", "eels"]),
    read(**plain, color_mode="grayscale", class_names=["dogs", "eels"]),
    read(**plain, interpolation="bicubic"),
    read(**plain, validation_split=0.3, subset="both"),
    read(seed=1, image_size=(4, 6)),
    read(seed=123, image_size=(4, 6), validation_split=0.4, subset="training"),
    read(seed=123, image_size=(4, 6), validation_split=0.4, subset="validation"),
    read(seed=7, image_size=(4, 6), validation_split=0.25, subset="both"),
]

loaded = []
for file in ("cats/a.png", "dogs/1.png", "cats/B.PNG"):
    for arguments in (
        {},
        {"color_mode": "grayscale"},
        {"color_mode": "rgba"},
        {"target_size": (9, 4)},
        {"target_size": (3, 3), "interpolation": "bilinear"},
        {"target_size": (9, 4), "keep_aspect_ratio": True},
    ):
        x = keras.utils.img_to_array(keras.utils.load_img(folder / file, **arguments))
        loaded.append(dict(file=file, arguments=arguments, shape=x.shape, pixels=x.astype(int).ravel().tolist()))

orders = {}
for seed in (0, 1, 123, 999999):
    order = list(range(20))
    np.random.RandomState(seed).shuffle(order)
    orders[seed] = order

(here / "images.json").write_text(json.dumps(dict(cases=cases, loaded=loaded, orders=orders)))
