#!/usr/bin/env python3
"""The paper's whole recipe in eager PyTorch, as most people would write it, timed epoch by epoch.

Two branches are trained together, the second on augmented images; their dense heads become 1x1 convolutions under
two new dense layers; these are trained alone, then everything, then every fold from the same start. Where PyTorch
names its own variant of something (NAdam, weight decay), that variant is taken.

One JSON object a line goes to standard output: one an epoch, the last with the whole time. `seconds` of an epoch is
its training part; the validation after it only counts in the whole.
"""

import argparse
import copy
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

VALIDATION = 10_000
CLASSES = 10
# Largest rotation in radians, zoom and shift as fractions of the image.
ROTATION, ZOOM, SHIFT = 0.1, 0.2, 0.2


def read_idx(path):
    data = path.read_bytes()
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def read_cifar(paths):
    rows = np.concatenate([np.fromfile(path, np.uint8).reshape(-1, 1 + 3 * 32 * 32) for path in paths])
    return rows[:, 1:].reshape(-1, 3, 32, 32).copy(), rows[:, 0].copy()


def read_dataset(name, folder):
    """Training images `[n, channels, height, width]` and labels `[n]`, then those for testing; u8 and i64."""
    folder = folder / name if (folder / name).is_dir() else folder
    if name == "cifar10":
        train = read_cifar([folder / f"data_batch_{i}.bin" for i in range(1, 6)])
        test = read_cifar([folder / "test_batch.bin"])
    else:
        def part(prefix):
            images = read_idx(folder / f"{prefix}-images-idx3-ubyte")
            return images[:, None], read_idx(folder / f"{prefix}-labels-idx1-ubyte")

        train, test = part("train"), part("t10k")
    return [(torch.from_numpy(images), torch.from_numpy(labels).long()) for images, labels in (train, test)]


class Branch(nn.Module):
    def __init__(self, shape):
        super().__init__()
        channels, height, width = shape
        self.features = nn.Sequential(
            nn.Conv2d(channels, 10, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(10, 20, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(),
        )
        count = 20 * math.prod(((side - 2) // 2 - 2) // 2 for side in (height, width))
        self.head = nn.Linear(count, CLASSES)
        self.apply(start_weights)

    def forward(self, images):
        return self.head(self.features(images))


def start_weights(layer):
    """He-normal convolutions, Glorot-uniform dense layers, zero biases."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    elif isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.zeros_(layer.bias)


def operate(branch):
    """The branch with a 1x1 convolution in place of its dense layer, same weights."""
    dense = branch.head
    convolution = nn.Conv2d(dense.in_features, dense.out_features, 1)
    with torch.no_grad():
        convolution.weight.copy_(dense.weight[:, :, None, None])
        convolution.bias.copy_(dense.bias)
    as_image = nn.Unflatten(1, (dense.in_features, 1, 1))
    return nn.Sequential(copy.deepcopy(branch.features), as_image, convolution, nn.Flatten())


class Unified(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.dense = nn.Sequential(nn.Linear(2 * CLASSES, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, CLASSES))
        self.dense.apply(start_weights)

    def forward(self, images):
        return self.dense(torch.cat([branch(images) for branch in self.branches], dim=1))


def augment(images):
    """Each image turned, zoomed and shifted by its own random amounts, the outside filled by reflection."""
    def within(limit):
        return torch.empty(len(images)).uniform_(-limit, limit)

    angle, tall, wide = within(ROTATION), 1 + within(ZOOM), 1 + within(ZOOM)
    sine, cosine = torch.sin(angle), torch.cos(angle)
    # Coordinates run from -1 to 1, so a shift by the whole image is 2.
    upper = torch.stack([cosine * wide, -sine * tall, 2 * within(SHIFT)], dim=1)
    lower = torch.stack([sine * wide, cosine * tall, 2 * within(SHIFT)], dim=1)
    grid = F.affine_grid(torch.stack([upper, lower], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def scaled(images):
    return images.float() / 255


def batches(indices, size):
    return indices[torch.randperm(len(indices))].split(size)


@torch.no_grad()
def accuracy(model, images, labels):
    model.eval()
    right = sum(
        (model(scaled(some)).argmax(1) == truth).sum().item()
        for some, truth in zip(images.split(1000), labels.split(1000))
    )
    return right / len(labels)


class Patience:
    """Early stopping on a figure that should grow."""

    def __init__(self, epochs=5, least=0.001):
        self.epochs, self.least, self.best, self.waited = epochs, least, -math.inf, 0

    def exhausted(self, value):
        if value > self.best + self.least:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        return self.waited >= self.epochs


class Best:
    """A copy of the weights that did best."""

    def __init__(self):
        self.value, self.weights = -math.inf, None

    def offer(self, value, model):
        if value > self.value:
            self.value, self.weights = value, copy.deepcopy(model.state_dict())


class Recipe:
    def __init__(self, given):
        self.given, self.began = given, time.perf_counter()
        (self.images, self.labels), self.test = read_dataset(given.dataset, given.data_dir)
        order = torch.randperm(len(self.images))
        self.train, self.validation = order[:-VALIDATION], order[-VALIDATION:]

    def say(self, **fields):
        print(json.dumps({"program": "pytorch", "dataset": self.given.dataset, **fields}), flush=True)

    def say_epoch(self, step, epoch, seconds, validation):
        self.say(step=step, epoch=epoch, seconds=round(seconds, 3), validation_accuracy=validation)

    def epochs(self, most):
        return range(1, min(most, self.given.max_epochs) + 1)

    def stage_one(self):
        branches = [Branch(self.images.shape[1:]) for _ in range(2)]
        parameters = [p for branch in branches for p in branch.parameters()]
        optimiser = torch.optim.NAdam(parameters, lr=1e-3, eps=1e-7)
        kept, patience = [Best(), Best()], Patience()
        held_out = self.images[self.validation], self.labels[self.validation]
        for epoch in self.epochs(20):
            start = time.perf_counter()
            for branch in branches:
                branch.train()
            for some in batches(self.train, self.given.batch):
                images, labels = scaled(self.images[some]), self.labels[some]
                plain, changed = branches[0](images), branches[1](augment(images))
                loss = F.cross_entropy(plain, labels) + F.cross_entropy(changed, labels)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            seconds = time.perf_counter() - start
            reached = [accuracy(branch, *held_out) for branch in branches]
            for best, value, branch in zip(kept, reached, branches):
                best.offer(value, branch)
            self.say_epoch("stage-1", epoch, seconds, reached)
            if patience.exhausted(sum(reached) / 2):
                break
        for best, branch in zip(kept, branches):
            branch.load_state_dict(best.weights)
        return branches

    def fit(self, step, model, optimiser, train, validation, most):
        best, patience = Best(), Patience()
        held_out = self.images[validation], self.labels[validation]
        for epoch in self.epochs(most):
            start = time.perf_counter()
            model.train()
            for some in batches(train, self.given.batch):
                loss = F.cross_entropy(model(scaled(self.images[some])), self.labels[some])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            seconds = time.perf_counter() - start
            reached = accuracy(model, *held_out)
            best.offer(reached, model)
            self.say_epoch(step, epoch, seconds, reached)
            if patience.exhausted(reached):
                break
        model.load_state_dict(best.weights)

    def run(self):
        model = Unified([operate(branch) for branch in self.stage_one()])
        model.branches.requires_grad_(False)
        dense = torch.optim.NAdam(model.dense.parameters(), lr=1e-3, eps=1e-7)
        self.fit("stage-2-1", model, dense, self.train, self.validation, 20)
        model.requires_grad_(True)
        self.fit("stage-2-2", model, everything(model), self.train, self.validation, 50)
        base = copy.deepcopy(model.state_dict())
        folds = torch.randperm(len(self.images)).tensor_split(self.given.folds) if self.given.folds else []
        for number, fold in enumerate(folds, 1):
            model.load_state_dict(base)
            rest = torch.cat([other for other in folds if other is not fold])
            self.fit(f"fold-{number}", model, everything(model), rest, fold, 10)
        seconds = round(time.perf_counter() - self.began, 3)
        parameters = sum(p.numel() for p in model.parameters())
        self.say(step="all", seconds=seconds, parameters=parameters, test_accuracy=accuracy(model, *self.test))


def everything(model):
    return torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, nesterov=True, weight_decay=1e-4)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=["mnist", "fashion-mnist", "cifar10"], required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="the folder of the data set's files, or its parent")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--max-epochs", type=int, default=1000, help="cap on the epochs of every step")
    parser.add_argument("--folds", type=int, default=6, help="0: no cross-validation")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.folds == 1 or given.folds < 0:
        parser.error("--folds wants 0 or at least 2")
    if min(given.threads, given.batch, given.max_epochs) < 1:
        parser.error("--threads, --batch and --max-epochs want at least 1")
    if not given.data_dir.is_dir():
        parser.error(f"there is no folder {given.data_dir}")
    return given


def main():
    given = arguments()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    Recipe(given).run()


if __name__ == "__main__":
    sys.exit(main())
