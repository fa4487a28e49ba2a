"""What is compared: the workloads, who takes part in them, and what we want to reach."""

from dataclasses import dataclass, field

OURS = "keras-rust"
# A loop without a framework: a floor, not a peer.
FLOOR = "bare"


@dataclass
class Workload:
    name: str
    title: str
    # Its name in the programs.
    program: str
    # Of a step; how many of them are a second.
    unit: str
    per_second: float
    # How many times as fast as the best peer.
    wanted: float
    # Peers by name, and the steps of their rounds where these are not those of the others.
    peers: dict
    steps: int
    batch: int = 1
    # What is read, for our program and the peers: a name in the folder of models.
    file: str = ""
    # A process is started for each round, and its start counts.
    cold: bool = False
    words: list = field(init=False)

    def __post_init__(self):
        self.words = [self.program, "--batch", str(self.batch)]


def same(*peers):
    return dict.fromkeys(peers)


ZOO = ("onnxruntime", "keras-tf", "keras-jax", "torch", "torch-channels-last")
TRAINING = ("keras-tf", "keras-jax", "torch")
MS, US = ("ms", 1e3), ("µs", 1e6)

# Steps of W1 and W2 divide those of a pass over their data, so that Keras's epochs can be rounds.
WORKLOADS = [
    Workload(
        "w1", "W1 MNIST MLP, training step", "w1", *US, 2.0, same(FLOOR, *TRAINING, "candle", "burn"), steps=375
    ),
    Workload(
        "w2", "W2 small CNN, training step", "w2", *MS, 1.5,
        same(*TRAINING, "torch-channels-last", "candle", "burn"), steps=10,
    ),
    Workload("w3-1", "W3 ResNet50, one image", "w3", *MS, 1.2, same(*ZOO, "candle"), steps=12, file="resnet50.onnx"),
    Workload("w3-8", "W3 ResNet50, 8 images", "w3", *MS, 1.2, same(*ZOO, "candle"), steps=2, batch=8, file="resnet50.onnx"),
    Workload(
        "w4", "W4 ResNet50, training step, 8 images", "w4", *MS, 1.3,
        same(*TRAINING, "torch-channels-last"), steps=1, batch=8,
    ),
    Workload("w5-1", "W5 MobileNetV2, one image", "w5", *MS, 1.2, same(*ZOO), steps=50, file="mobilenet_v2.onnx"),
    Workload(
        "w5-8", "W5 MobileNetV2, 8 images", "w5", *MS, 1.2, same(*ZOO), steps=8, batch=8, file="mobilenet_v2.onnx"
    ),
    Workload("w6", "W6 Embedding + LSTM, training step", "w6", *MS, 1.5, same(*TRAINING), steps=8),
    Workload("w7", "W7 transformer, training step", "w7", *MS, 1.5, same(*TRAINING), steps=3),
    Workload(
        "w8-keras", "W8 load ResNet50, .keras", "w8", *MS, 10, same("keras-tf", "keras-jax"), steps=1, file="resnet50.keras"
    ),
    Workload(
        "w8-h5", "W8 load ResNet50, .weights.h5", "w8", *MS, 10,
        same("keras-tf", "keras-jax"), steps=2, file="resnet50.weights.h5",
    ),
    Workload(
        "cold", "W8 process start to the first step", "cold", *MS, 20, same("keras-tf", "torch"), steps=1, cold=True
    ),
    Workload(
        "tiny", "tiny MLP, predict_on_batch of one sample", "tiny", *US, 1.0,
        {
            "onnxruntime": None, "torch": None, "keras-tf": 200, "keras-jax": 200,
            "keras-tf-call": 100, "keras-tf-predict": 15,
        },
        steps=10_000, file="mlp.onnx",
    ),
]
