"""Writes blocks.safetensors and networks.safetensors beside this file.

    pip install torch safetensors
    python generate.py

Everything is computed in double precision on values that 32-bit floats hold exactly, and stored as 32-bit floats.

blocks.safetensors: for every block its input, its weights, and in training and in inference what comes out, the
gradients of the sum of output times `cotangent`, and the running statistics afterwards. The metadata describe the layers.

networks.safetensors: for every network its logits in training and in inference, with every weight made of its name
(see `filled`). After the pass in training the running statistics are made of their names again.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from modules import *
from networks import NETWORKS

HERE = Path(__file__).parent
torch.set_default_dtype(torch.float64)

# Name, the layers as litecnn-zoo describes them, the same as a module, shape of the input.
BLOCKS = [
    ("conv", [{"conv": {"kernel": [3, 5], "out": 6, "stride": [2, 1], "groups": 2, "bias": True}}],
     lambda: conv((3, 5), 4, 6, (2, 1), 2, True), [4, 5, 6]),
    ("depthwise", [{"depthwise": {"multiplier": 4}}], lambda: conv(3, 3, 12, groups=3), [3, 5, 4]),
    ("linear", ["flatten", {"linear": {"out": 5}}], lambda: nn.Sequential(nn.Flatten(), nn.Linear(24, 5)), [2, 4, 3]),
    ("batch-norm", ["batch-norm"], lambda: nn.BatchNorm2d(4), [4, 3, 2]),
    ("batch-norm-relu", ["batch-norm", "relu"], lambda: nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), [4, 3, 2]),
    ("batch-norm-relu6", ["batch-norm", "relu6"], lambda: nn.Sequential(nn.BatchNorm2d(4), nn.ReLU6()), [4, 3, 2]),
    ("sigmoid", ["sigmoid"], nn.Sigmoid, [2, 3, 2]),
    ("max-pool", [{"max-pool": {"size": 3, "padding": 1}}], lambda: nn.MaxPool2d(3, 2, 1), [2, 5, 6]),
    ("average-pool", [{"average-pool": {"size": 3, "padding": 1}}], lambda: nn.AvgPool2d(3, 2, 1), [2, 5, 6]),
    ("shuffle", [{"shuffle": {"groups": 3}}], lambda: Shuffle(3), [12, 2, 3]),
    ("factorised", [{"factorised": {"out": 6, "stride": 2}}], lambda: Factorised(4, 6, 2), [4, 5, 6]),
    ("separable", [{"separable": {"out": 6}}], lambda: Separable(3, 6), [3, 5, 4]),
    ("bottleneck", [{"bottleneck": {"hidden": 4, "out": 8}}], lambda: Bottleneck(8, 4, 8), [8, 5, 4]),
    ("bottleneck-projected", [{"bottleneck": {"hidden": 4, "out": 8, "stride": 2, "project": True}}],
     lambda: Bottleneck(6, 4, 8, 2, True), [6, 5, 4]),
    ("bottleneck-factorised",
     [{"bottleneck": {"hidden": 4, "out": 8, "stride": 2, "project": True, "middle": "factorised"}}],
     lambda: Bottleneck(6, 4, 8, 2, True, "factorised"), [6, 5, 4]),
    ("bottleneck-depthwise",
     [{"bottleneck": {"hidden": 4, "out": 8, "stride": 2, "project": True, "middle": "depthwise"}}],
     lambda: Bottleneck(6, 4, 8, 2, True, "depthwise"), [6, 5, 4]),
    ("grouped-bottleneck", [{"grouped-bottleneck": {"hidden": 8, "out": 16, "stride": 2, "project": True}}],
     lambda: GroupedBottleneck(8, 8, 16, 2, True), [8, 5, 4]),
    ("inverted-bottleneck", [{"inverted-bottleneck": {"hidden": 8, "out": 4}}],
     lambda: InvertedBottleneck(4, 8, 4), [4, 5, 4]),
    ("inverted-bottleneck-projected",
     [{"inverted-bottleneck": {"hidden": 8, "out": 6, "stride": 2, "project": True}}],
     lambda: InvertedBottleneck(4, 8, 6, 2, True), [4, 5, 4]),
    ("ghost-module", [{"ghost-module": {"out": 8}}], lambda: GhostModule(6, 8), [6, 5, 4]),
    ("ghost-module-activated", [{"ghost-module": {"out": 8, "activate": True}}],
     lambda: GhostModule(6, 8, True), [6, 5, 4]),
    ("ghost-module-grouped", [{"ghost-module": {"out": 16, "activate": True, "groups": 4}}],
     lambda: GhostModule(8, 16, True, 4), [8, 5, 4]),
    ("squeeze-excite", ["batch-norm", {"squeeze-excite": {}}],
     lambda: nn.Sequential(nn.BatchNorm2d(9), SqueezeExcite(9)), [9, 3, 4]),
    ("ghost-bottleneck", [{"ghost-bottleneck": {"hidden": 8, "out": 6}}], lambda: GhostBottleneck(6, 8, 6), [6, 5, 4]),
    ("ghost-bottleneck-first",
     [{"ghost-bottleneck": {"hidden": 8, "out": 6, "project": True, "depthwise": True, "squeeze-excite": True}}],
     lambda: GhostBottleneck(4, 8, 6, 1, True, True, True), [4, 5, 4]),
    ("ghost-bottleneck-grouped",
     [{"ghost-bottleneck":
       {"hidden": 16, "out": 8, "stride": 2, "project": True, "squeeze-excite": True, "groups": 4}}],
     lambda: GhostBottleneck(4, 16, 8, 2, True, True, True, 4), [4, 5, 4]),
    ("dice", [{"dice": {"out": 6}}], lambda: Dice(8, 6, 5, 4), [8, 5, 4]),
    ("strided-dice", [{"strided-dice": {"out": 6}}], lambda: StridedDice(8, 6, 3, 2), [8, 5, 4]),
    ("dice-bottleneck", [{"dice-bottleneck": {"hidden": 8, "out": 4}}],
     lambda: DiceBottleneck(4, 8, 4, 5, 4), [4, 5, 4]),
    ("dice-bottleneck-projected",
     [{"dice-bottleneck": {"hidden": 8, "out": 6, "stride": 2, "project": True, "unused-depthwise": True}}],
     lambda: DiceBottleneck(4, 8, 6, 3, 2, 2, True, True), [4, 5, 4]),
    ("fire", [{"fire": {"out": 16, "unused-norm": True}}], lambda: Fire(6, 16, True), [6, 5, 4]),
    ("fire-bottleneck", [{"fire-bottleneck": {"squeeze": 4, "out": 8, "stride": 2, "project": True}}],
     lambda: FireBottleneck(6, 4, 8, 2, True), [6, 5, 4]),
    ("depthwise-fire", [{"depthwise-fire": {"out": 16}}], lambda: DepthwiseFire(6, 16), [6, 5, 4]),
    ("grouped-fire", [{"grouped-fire": {"out": 32, "unused-norm": True}}], lambda: GroupedFire(6, 32, True), [6, 3, 2]),
    ("grouped-fire-grouped", [{"grouped-fire": {"out": 32}}], lambda: GroupedFire(28, 32), [28, 3, 2]),
    ("grouped-fire-wide", [{"grouped-fire": {"out": 224}}], lambda: GroupedFire(28, 224), [28, 2, 2]),
    ("ghost-fire", [{"ghost-fire": {"out": 32, "grouped": True}}], lambda: GhostFire(6, 32, True), [6, 3, 2]),
    ("ghost-fire-wide", [{"ghost-fire": {"out": 256, "grouped": True}}], lambda: GhostFire(6, 256, True), [6, 2, 2]),
    ("dice-fire", [{"dice-fire": {"out": 32}}], lambda: DiceFire(8, 32, 5, 4), [8, 5, 4]),
    ("conv-head", [{"conv": {"kernel": 1, "out": 4}}, "batch-norm", "relu6", "global-average"],
     lambda: nn.Sequential(conv(1, 6, 4), nn.BatchNorm2d(4), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
     [6, 3, 2]),
]


class Shuffle(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        return shuffle(x, self.groups)


def is_norm(name, value):
    return name.endswith("weight") and value.dim() == 1


def learnt(module):
    """Weights and running statistics by name."""
    return {name: value for name, value in module.state_dict().items() if not name.endswith("num_batches_tracked")}


def random_block(module, generator):
    def uniform(value, low, high):
        value.copy_((low + (high - low) * torch.rand(value.shape, generator=generator)).float().double())

    for name, value in learnt(module).items():
        if name.endswith("running_var"):
            uniform(value, 0.5, 2)
        elif is_norm(name, value):
            # Large enough for values beyond 6.
            uniform(value, 1, 6)
        else:
            uniform(value, -0.8, 0.8)


def of_block(name, module, shape, tensors):
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    random_block(module, generator)
    # A single layer is number 0; layers after each other are numbered.
    prefix = "" if isinstance(module, nn.Sequential) else "0."
    for weight, value in learnt(module).items():
        tensors[f"{name}/value/{prefix}{weight}"] = value.clone()
    x = torch.randn([3, *shape], generator=generator).float().double()
    cotangent = None
    tensors[f"{name}/x"] = x
    for mode in ["eval", "train"]:
        module.train(mode == "train")
        module.zero_grad()
        image = x.clone().requires_grad_()
        y = module(image)
        if cotangent is None:
            cotangent = torch.randn(y.shape, generator=generator).float().double()
            tensors[f"{name}/cotangent"] = cotangent
        (y * cotangent).sum().backward()
        tensors[f"{name}/{mode}/y"] = y.detach()
        tensors[f"{name}/{mode}/x-gradient"] = image.grad
        for weight, value in module.named_parameters():
            if value.grad is not None:
                tensors[f"{name}/{mode}/gradient/{prefix}{weight}"] = value.grad.clone()
    for weight, value in learnt(module).items():
        if "running" in weight and "unused" not in weight:
            tensors[f"{name}/after/{prefix}{weight}"] = value.clone()


def filled(name, shape):
    """Numbers in [-1, 1) made of a name and places by arithmetic of 32-bit integers."""
    n = np.arange(int(np.prod(shape)), dtype=np.uint64)
    n = (n * 2654435761 + zlib.crc32(name.encode())) % 2**32
    n ^= n >> 16
    n = (n * 0x45D9F3B) % 2**32
    n ^= n >> 16
    return torch.from_numpy(n.astype(np.float64) / 2**31 - 1).reshape(shape)


def fill(module, only=""):
    for name, value in learnt(module).items():
        u = filled(name, tuple(value.shape))
        if name.endswith("running_var") or is_norm(name, value):
            u = 1 + 0.5 * u
        elif value.dim() == 1:
            u = 0.1 * u
        else:
            u = u * np.sqrt(3 / np.prod(value.shape[1:]))
        if only in name:
            value.copy_(u.float().double())


def main():
    tensors, cases = {}, []
    for name, layers, module, shape in BLOCKS:
        of_block(name, module(), shape, tensors)
        cases.append({"name": name, "layers": layers, "input": shape})
    tensors = {name: value.float().contiguous() for name, value in tensors.items()}
    save_file(tensors, HERE / "blocks.safetensors", {"cases": json.dumps(cases)})

    logits = {}
    images = filled("images", (2, 3, 32, 32)).float().double()
    for name, make in NETWORKS.items():
        module = make()
        fill(module)
        with torch.no_grad():
            for mode in ["train", "eval"]:
                module.train(mode == "train")
                logits[f"{name}/{mode}"] = module(images).float()
                fill(module, "running")
        print(name, *(f"{v:.4g}" for v in logits[f"{name}/eval"][0, :4]), flush=True)
    save_file(logits, HERE / "networks.safetensors")


if __name__ == "__main__":
    main()
