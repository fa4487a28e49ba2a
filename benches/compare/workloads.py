"""What is compared: the workloads, who takes part in them, and what we want to reach."""

from dataclasses import dataclass

OURS = "keras-rust"
# A loop without a framework: a floor, not a peer.
FLOOR = "bare"


@dataclass
class Workload:
    name: str
    title: str
    # Its name in the programs.
    program: str
    # Of a step, and how many of them are a second.
    unit: str
    per_second: float
    # How many times as fast as the best peer.
    wanted: float
    peers: tuple
    # Of a batch.
    batch: int = 1
    # Of a round that is an epoch of Keras's `fit`: a divisor of those of a pass over the data.
    steps: int = 1
    # What is read, in the folder of models.
    file: str = ""
    # A process is started for each round, and its start counts.
    cold: bool = False


TRAINING = ("keras-tf", "keras-jax", "torch")
IMAGES = (*TRAINING, "torch-channels-last")
ZOO = ("onnxruntime", *IMAGES)
LOADING = ("keras-tf", "keras-jax")
MS, US = ("ms", 1e3), ("µs", 1e6)
RESNET, MOBILENET = {"file": "resnet50.onnx"}, {"file": "mobilenet_v2.onnx"}
ONE = ("onnxruntime", *TRAINING, "keras-tf-call", "keras-tf-predict")

WORKLOADS = [
    Workload("w1", "W1 MNIST MLP, training step", "w1", *US, 2.0, (FLOOR, *TRAINING, "candle"), steps=375),
    Workload("w2", "W2 small CNN, training step", "w2", *MS, 1.5, (*IMAGES, "candle"), steps=10),
    Workload("w3-1", "W3 ResNet50, one image", "w3", *MS, 1.2, (*ZOO, "candle"), **RESNET),
    Workload("w3-8", "W3 ResNet50, 8 images", "w3", *MS, 1.2, (*ZOO, "candle"), 8, **RESNET),
    Workload("w4", "W4 ResNet50, training step, 8 images", "w4", *MS, 1.3, IMAGES, 8),
    Workload("w5-1", "W5 MobileNetV2, one image", "w5", *MS, 1.2, ZOO, **MOBILENET),
    Workload("w5-8", "W5 MobileNetV2, 8 images", "w5", *MS, 1.2, ZOO, 8, **MOBILENET),
    Workload("w6", "W6 Embedding + LSTM, training step", "w6", *MS, 1.5, TRAINING),
    Workload("w7", "W7 transformer, training step", "w7", *MS, 1.5, TRAINING),
    Workload("w8-keras", "W8 load ResNet50, .keras", "w8", *MS, 10, LOADING, file="resnet50.keras"),
    Workload("w8-h5", "W8 load ResNet50, .weights.h5", "w8", *MS, 10, LOADING, file="resnet50.weights.h5"),
    Workload("cold", "W8 process start to the first step", "cold", *MS, 20, ("keras-tf", "torch"), cold=True),
    Workload("tiny", "tiny MLP, predict_on_batch of one sample", "tiny", *US, 1.0, ONE, file="mlp.onnx"),
]
