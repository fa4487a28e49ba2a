"""The workloads in plain torch. usage: torch_peer.py torch|torch-channels-last WORKLOAD [--steps N] ...

`torch-channels-last` keeps images channels_last. Adam is the fused one. The networks of the zoo are torchvision's, whose
ResNet50 is version 1.5: 4.09 GMAC an image, where Keras's has 3.86.
"""

import itertools
import time

import common

options = common.arguments()
import torch
from torch import nn

torch.set_num_threads(options.threads)
versions = f"torch {torch.__version__}"
LAYOUT = torch.channels_last if options.peer == "torch-channels-last" else torch.contiguous_format


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3, eps=1e-7, fused=True)


def images(array):
    """From [batch, height, width, channels] to what torch takes."""
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous(memory_format=LAYOUT)


def step_of(model, optimizer, loss_of):
    """A function that takes one step of training on a batch, and gives outputs and loss."""

    def step(x, y):
        optimizer.zero_grad()
        outputs = model(x)
        loss = loss_of(outputs, y)
        loss.backward()
        optimizer.step()
        return outputs, loss

    return step


def fitting(model, x, y, batch):
    """Passes over the data in random order; mean loss and accuracy are counted on the side and read once a round."""
    step = step_of(model, adam(model.parameters()), nn.functional.cross_entropy)
    passes = itertools.chain.from_iterable(torch.randperm(len(x)).split(batch) for _ in itertools.count())

    def round_of(steps):
        start = time.perf_counter()
        total, correct, seen = torch.zeros(()), torch.zeros((), dtype=torch.int64), 0
        for chosen in itertools.islice(passes, steps):
            wanted = y[chosen]
            logits, loss = step(x[chosen], wanted)
            with torch.no_grad():
                total += loss
                correct += (logits.argmax(1) == wanted.argmax(1)).sum()
            seen += len(chosen)
        total.item()
        accuracy = correct.item() / seen
        common.answer(time.perf_counter() - start, steps, accuracy, versions)

    if not options.serve:
        return round_of(options.steps)
    while steps := common.asked():
        round_of(steps)


def training(step, batches):
    turns = itertools.cycle(batches)
    common.serve(options, lambda: step(*next(turns))[1].item(), versions)


def predicting(model, x):
    model = model.eval()

    def step():
        with torch.inference_mode():
            y = model(x)
        return lambda: y[0, 0].item()

    common.serve(options, step, versions)


def mlp():
    parts = []
    for inputs, outputs in zip(common.SIZES, common.SIZES[1:]):
        parts += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def w1():
    fitting(mlp(), *map(torch.from_numpy, common.digits(options.data)), 32)


def cold():
    x, y = (torch.from_numpy(a)[:32] for a in common.digits(options.data))
    model = mlp()
    step = step_of(model, adam(model.parameters()), nn.functional.cross_entropy)
    common.serve(options, lambda: step(x, y)[1].item(), versions)


def tiny():
    predicting(mlp(), torch.rand(options.batch, common.SIZES[0]))


def w2():
    x, y = common.digits(options.data, 60 * 128)
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*convolutions, nn.Flatten(), nn.Dropout(0.5), nn.Linear(9216, common.CLASSES))
    model = model.to(memory_format=LAYOUT)
    fitting(model, images(x.reshape(-1, 28, 28, 1)), torch.from_numpy(y), 128)


def zoo(name):
    import torchvision

    return getattr(torchvision.models, name)(weights=None).to(memory_format=LAYOUT)


def w3():
    predicting(zoo("resnet50"), images(common.pictures(options.batch)))


def w5():
    predicting(zoo("mobilenet_v2"), images(common.pictures(options.batch)))


def w4():
    model = zoo("resnet50").train()
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    batch = images(common.pictures(options.batch)), torch.from_numpy(common.one_hot(options.batch))
    training(step_of(model, sgd, nn.functional.cross_entropy), [batch])


class Words(nn.Module):
    """W6: what a sequence of words says."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20_000, 128)
        self.lstm = nn.LSTM(128, 128, batch_first=True)
        self.dense = nn.Linear(128, 1)

    def forward(self, x):
        return self.dense(self.lstm(self.embedding(x))[0][:, -1])


def w6():
    model = Words()
    step = step_of(model, adam(model.parameters()), nn.functional.binary_cross_entropy_with_logits)
    training(step, [(torch.from_numpy(x).long(), torch.from_numpy(y)) for x, y in common.sequences(6)])


class Pooled(nn.Module):
    """The mean over the steps in time."""

    def forward(self, x):
        return x.mean(1)


def w7():
    block = nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, batch_first=True)
    model = nn.Sequential(nn.TransformerEncoder(block, 4), Pooled(), nn.Linear(256, common.CLASSES))
    step = step_of(model, adam(model.parameters()), nn.functional.cross_entropy)
    x, y = common.vectors()
    training(step, [(torch.from_numpy(x), torch.from_numpy(y).long())])


globals()[options.workload]()
