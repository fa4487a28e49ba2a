"""What torchvision's models compute with weights made by a formula: from_torchvision.json.gz.

torch 2.15 with torchvision 0.29, on a CPU: python testdata/from_torchvision.py
"""

import gzip
import json
import os

import numpy as np
import torch
import torchvision.models as models
from torchvision.models.resnet import Bottleneck

HERE = os.path.dirname(os.path.abspath(__file__))


def hashed(count, stream):
    """Numbers of [0, 1) by a hash of their place and of the stream."""
    h = (np.arange(count, dtype=np.uint64) * 2654435761) & 0xFFFFFFFF
    h = (h + stream * 40503 + 12345) & 0xFFFFFFFF
    for _ in range(2):
        h = ((h ^ (h >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    return (h ^ (h >> 16)) / 4294967296.0


def value(name, shape, stream):
    size = int(np.prod(shape))
    last = name.rsplit(".", 1)[1]
    if len(shape) > 1:
        begin, scale = 0.0, np.sqrt(3.0 / np.prod(shape[1:]))
    elif last == "running_var":
        begin, scale = 1.0, 0.5
    elif last == "weight":
        begin, scale = 1.0, 0.2
    else:
        begin, scale = 0.0, 0.2
    data = begin + scale * (2 * hashed(size, stream) - 1)
    return torch.from_numpy(data.astype(np.float32).reshape(shape))


def v1(model):
    """Strides where the paper has them."""
    for block in model.modules():
        if isinstance(block, Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
    return model


def record(model, size, half=False, features=False):
    names = []
    state = model.state_dict()
    for name, old in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        new = value(name, tuple(old.shape), len(names))
        state[name] = new.half().float() if half else new
        names.append([name, list(old.shape)])
    model.load_state_dict(state)
    model.eval()
    image = (2 * hashed(size * size * 3, 4242) - 1).astype(np.float32)
    image = torch.from_numpy(image.reshape(1, size, size, 3)).permute(0, 3, 1, 2)
    with torch.no_grad():
        if features:
            y = model.features(image).mean((2, 3))
        else:
            y = model(image)
    y = y.double().numpy().ravel()
    return {
        "size": size,
        "half": half,
        "include_top": not features,
        "first8": [float(v) for v in y[:8]],
        "mean": float(y.mean()),
        "std": float(y.std()),
        "names": names,
    }


def main():
    golden = {
        "versions": {"torch": torch.__version__},
        "MobileNetV2": record(models.mobilenet_v2(), 64),
        "MobileNetV2 0.5": record(models.mobilenet_v2(width_mult=0.5), 64),
        "ResNet50": record(models.resnet50(), 64),
        "ResNet50 v1": record(v1(models.resnet50()), 64),
        "ResNet101": record(models.resnet101(), 64),
        "ResNet152": record(models.resnet152(), 64),
        "DenseNet121": record(models.densenet121(), 64),
        "DenseNet169": record(models.densenet169(), 64),
        "DenseNet201": record(models.densenet201(), 64),
        "VGG16": record(models.vgg16(), 224, half=True),
        "VGG19": record(models.vgg19(), 64, features=True),
    }
    text = json.dumps(golden, separators=(",", ":")).encode()
    with open(os.path.join(HERE, "from_torchvision.json.gz"), "wb") as file:
        file.write(gzip.compress(text, mtime=0))


if __name__ == "__main__":
    main()
