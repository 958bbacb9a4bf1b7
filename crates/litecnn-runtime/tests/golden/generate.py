"""Writes golden.bin: models with random weights, images, and the logits that PyTorch gives, which tests/golden.rs
compares. Needs PyTorch and NumPy:

    python generate.py [golden.bin [final.safetensors ...]]

With weight files of this project (unified models) these are used instead of random ones.

For each model: 9 little-endian u32 (channels, height, width, classes, hidden or 0, whether ReLU follows the heads,
images, convolutions, weights), the filters as u32, the weights as f32 in the order of the project's weight files, the
images as u8 [image][channel][height][width], the logits as f32 [image][class].
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F


def features(x, take, filters):
    channels = x.shape[1]
    for count in filters:
        weight, bias = take(count, channels, 3, 3), take(count)
        x = F.max_pool2d(F.relu(F.conv2d(x, weight, bias)), 2)
        channels = count
    return x.permute(0, 2, 3, 1).flatten(1)


def logits(shape, filters, classes, hidden, relu, weights, images):
    at = 0

    def take(*size):
        nonlocal at
        count = int(np.prod(size))
        at += count
        return weights[at - count : at].view(*size)

    x = images.to(torch.float32) / 255
    outputs = []
    for _ in range(2 if hidden else 1):
        seen = features(x, take, filters)
        out = F.linear(seen, take(classes, seen.shape[1]), take(classes))
        outputs.append(F.relu(out) if relu else out)
    if hidden:
        x = F.relu(F.linear(torch.cat(outputs, 1), take(hidden, 2 * classes), take(hidden)))
        outputs = [F.linear(x, take(classes, hidden), take(classes))]
    assert at == len(weights)
    return outputs[0]


def count(shape, filters, classes, hidden):
    channels, height, width = shape
    total = 0
    for filters_here in filters:
        total += filters_here * (9 * channels + 1)
        channels, height, width = filters_here, (height - 2) // 2, (width - 2) // 2
    total += classes * (channels * height * width + 1)
    return 2 * total + hidden * (2 * classes + 1) + classes * (hidden + 1) if hidden else total


def trained(path):
    data = Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    spec = json.loads(header.pop("__metadata__")["litecnn"])["architecture"]["spec"]
    branch = spec["branch"]
    depth = len(branch["filters"])
    layers = [f"conv{i + 1}" for i in range(depth)] + ["head"]
    names = [f"branch-{b}.{layer}" for b in (1, 2) for layer in layers] + ["hidden", "output"]
    parts = []
    for name in (f"{layer}.{part}" for layer in names for part in ("weight", "bias")):
        start, end = header[name]["data_offsets"]
        parts.append(np.frombuffer(data[8 + length + start : 8 + length + end], dtype="<f4"))
    shape = tuple(branch["input"][axis] for axis in ("channels", "height", "width"))
    relu = spec["head_activation"] == "relu"
    return shape, branch["filters"], branch["classes"], spec["hidden"], relu, 64, torch.from_numpy(np.concatenate(parts))


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    cases = [trained(path) for path in sys.argv[2:]] or [
        ((1, 28, 28), [10, 20], 10, 32, False, 4, None),
        ((3, 32, 32), [5, 7], 10, 32, True, 3, None),
        ((3, 15, 22), [7], 2, 0, False, 3, None),
        ((1, 37, 31), [3, 4, 6], 5, 0, False, 3, None),
        ((4, 26, 24), [6, 5, 3], 3, 9, True, 3, None),
    ]
    out = bytearray()
    for shape, filters, classes, hidden, relu, images, weights in cases:
        if weights is None:
            weights = (torch.rand(count(shape, filters, classes, hidden)) - 0.5) * 0.4
        pixels = torch.randint(0, 256, (images, *shape), dtype=torch.uint8)
        with torch.no_grad():
            answer = logits(shape, filters, classes, hidden, relu, weights, pixels)
        out += struct.pack("<9I", *shape, classes, hidden, relu, images, len(filters), len(weights))
        out += struct.pack(f"<{len(filters)}I", *filters)
        for array in (weights, pixels, answer):
            out += array.contiguous().numpy().tobytes()
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "golden.bin"
    target.write_bytes(out)
    print(f"{target}: {len(out)} bytes")


main()
