"""The MNIST network in plain torch with fused Adam; an epoch is a round. usage: torch_mlp.py torch-fused DATA"""

import time

import common

options = common.arguments()
import torch
from torch import nn

torch.set_num_threads(options.threads)
versions = f"torch {torch.__version__}"
images, labels = (torch.from_numpy(a) for a in common.arrays(options.data))
parts = []
for inputs, outputs in zip(common.SIZES, common.SIZES[1:]):
    parts += [nn.Linear(inputs, outputs), nn.ReLU()]
model = nn.Sequential(*parts[:-1])
adam = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)


def train(batches):
    """Mean loss and accuracy, counted on the side and read once at the end."""
    total, correct, seen = torch.zeros(()), torch.zeros((), dtype=torch.int64), 0
    for batch in batches:
        x, y = images[batch], labels[batch]
        adam.zero_grad()
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y)
        loss.backward()
        adam.step()
        with torch.no_grad():
            total += loss
            correct += (logits.argmax(1) == y.argmax(1)).sum()
        seen += len(batch)
    return total.item() / len(batches), correct.item() / seen


def round_of(batches):
    start = time.perf_counter()
    _, accuracy = train(batches)
    seconds = time.perf_counter() - start
    common.report(options.peer, options.threads, seconds, len(batches), accuracy, versions)


if options.cold:
    round_of([torch.arange(common.BATCH)])
else:
    while common.asked():
        round_of(torch.randperm(len(images)).split(common.BATCH))
