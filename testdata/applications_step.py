"""One training step of a few applications: applications_step.json, made with Keras 3.15.1 on TensorFlow 2.21.

usage: python testdata/applications_step.py > testdata/applications_step.json
Weights and images come from the formula that keras-applications/tests/zoo/formula.rs has, too; the i-th random generator
begins with the seed [i + 1, 0]. Of each weight there are, for what the step changes: the length, the projection on a vector
of the formula's numbers (stream 99) minus one half, and the first element.
"""
import json
import keras
import numpy as np

SEED, BATCH, SIZE, CLASSES, RATE = 3, 8, 64, 10, 0.01
NAMES = ["ResNet50", "MobileNetV2", "EfficientNetB0"]


def hashed(count, stream):
    h = np.arange(count, dtype=np.uint64).astype(np.uint32) * np.uint32(2654435761)
    h = h + np.uint32((stream * 40503 + 12345) & 0xFFFFFFFF)
    for _ in range(2):
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x45D9F3B)
    return (h ^ (h >> np.uint32(16))).astype(np.float64) / 4294967296.0


def value(name, shape, stream):
    u = 2.0 * hashed(int(np.prod(shape)), stream) - 1.0
    if name == "gamma":
        v = 1.0 + 0.2 * u
    elif name == "moving_variance":
        v = 1.0 + 0.5 * u
    elif len(shape) < 2:
        v = 0.2 * u
    else:
        left_out = 2 if "depthwise" in name else 1
        v = u * np.sqrt(3.0 / np.prod(shape[:-left_out]))
    return v.astype("float32").reshape(shape)


def step(name):
    keras.backend.clear_session()
    # In 32 bits, the gradients of networks this deep are noise beyond the second digit.
    keras.config.set_dtype_policy("float64")
    model = getattr(keras.applications, name)(weights=None, input_shape=(SIZE, SIZE, 3), classes=CLASSES)
    for i, v in enumerate(model.weights):
        if v.name not in ("mean", "variance", "count"):  # Normalization has made constants of them
            v.assign(value(v.name, tuple(v.shape), SEED * 1000 + i))
    seeds = [v for v in model.variables if v.name == "seed_generator_state"]
    for i, v in enumerate(seeds):
        v.assign(np.array([i + 1, 0], "uint32"))
    model.compile(keras.optimizers.SGD(RATE), "sparse_categorical_crossentropy", jit_compile=False)
    pixels = hashed(BATCH * SIZE * SIZE * 3, 4242).reshape(BATCH, SIZE, SIZE, 3)
    x = pixels * 255.0 if name.startswith("EfficientNet") else 2.0 * pixels - 1.0
    y = np.arange(BATCH) % CLASSES
    before = [np.array(v) for v in model.weights]
    loss = model.train_on_batch(x.astype("float32").astype("float64"), y)
    changes = []
    for v, old in zip(model.weights, before):
        change = np.array(v).astype("float64").ravel() - old.astype("float64").ravel()
        along = float(change @ (hashed(change.size, 99) - 0.5))
        changes.append([float(np.linalg.norm(change)), along, float(change[0])])
    return {"loss": float(loss), "seeds": len(seeds), "changes": changes}


result = dict(seed=SEED, batch=BATCH, size=SIZE, classes=CLASSES, rate=RATE)
result["models"] = {name: step(name) for name in NAMES}
print(json.dumps(result))
