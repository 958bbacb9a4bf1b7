"""Writes golden_int8.bin: models in 8-bit integers, images, and the logits that NumPy gives, which tests/golden_int8.rs
compares bit by bit. Needs NumPy:

    python generate_int8.py [golden_int8.bin]

For each model: 9 little-endian u32 (channels, height, width, classes, hidden or 0, whether ReLU follows the heads,
images, convolutions, layers), the filters as u32; for each layer its weights as i8, biases as i32, then multipliers as
u16 and shifts as u8, or for the last layer scales as f32; the images as u8 [image][channel][height][width]; the logits
as f32 [image][class]. Layers are in the order of the project's weight files, so are their weights.
"""

import struct
import sys
from pathlib import Path

import numpy as np


def convolved(x, weights):
    """x: [n, c, h, w] int64; weights: [o, c, 3, 3]. All positions, by matrix products of shifted pictures."""
    n, _, h, w = x.shape
    out = np.zeros((n, weights.shape[0], h - 2, w - 2), dtype=np.int64)
    for dy in range(3):
        for dx in range(3):
            part = x[:, :, dy : dy + h - 2, dx : dx + w - 2]
            out += np.einsum("oc,nchw->nohw", weights[:, :, dy, dx], part)
    return out


def to_bytes(sums, layer):
    """Sums, the outputs along the last axis, as bytes."""
    short = np.clip(sums >> layer["shifts"], -(2**15), 2**15 - 1)
    scaled = (short * layer["multipliers"] + 2**14) >> 15
    return np.clip((scaled + 32) >> 6, 0, 255)


def make(rng, outputs, inputs, last):
    layer = {
        "weights": rng.integers(-127, 128, (outputs, inputs)),
        "biases": rng.integers(-1, 2, outputs) * rng.integers(0, 12_000, outputs),
    }
    usual = 10_000.0 * np.sqrt(inputs)
    if last:
        layer["scales"] = (rng.uniform(1, 4, outputs) / usual).astype(np.float32)
        return layer
    factors = rng.uniform(50, 250, outputs) / usual / 2
    shifts = np.floor(np.log2(32767 / (factors * 2**21))).astype(np.int64)
    layer["shifts"] = np.maximum(shifts, 0)
    layer["multipliers"] = np.clip(np.rint(factors * 2.0 ** (21 + layer["shifts"])), 1, 32767).astype(np.int64)
    return layer


def main():
    rng = np.random.default_rng(1)
    cases = [
        ((1, 28, 28), [10, 20], 10, 32, False, 6),
        ((3, 32, 32), [10, 20], 10, 32, True, 6),
        ((2, 15, 22), [7], 2, 0, False, 4),
        ((1, 37, 31), [3, 4, 5], 5, 0, False, 4),
        ((5, 26, 24), [6, 1, 3], 3, 9, True, 4),
    ]
    out = bytearray()
    for (channels, height, width), filters, classes, hidden, relu, images in cases:
        layers = []
        x = pixels = rng.integers(0, 256, (images, channels, height, width))
        joined = []
        for _ in range(2 if hidden else 1):
            x = pixels
            for count in filters:
                layer = make(rng, count, x.shape[1] * 9, False)
                layers.append(layer)
                sums = convolved(x, layer["weights"].reshape(count, -1, 3, 3))
                n, o, h, w = sums.shape
                sums = sums[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, o, h // 2, 2, w // 2, 2).max((3, 5))
                sums = sums + layer["biases"][:, None, None]
                x = to_bytes(sums.transpose(0, 2, 3, 1), layer).transpose(0, 3, 1, 2)
            features = x.transpose(0, 2, 3, 1).reshape(images, -1)
            layer = make(rng, classes, features.shape[1], not hidden)
            layers.append(layer)
            joined.append(features @ layer["weights"].T + layer["biases"])
        if hidden:
            heads = [layers[len(filters)], layers[-1]]
            x = np.concatenate([to_bytes(sums, layer) for sums, layer in zip(joined, heads)], 1)
            layer = make(rng, hidden, 2 * classes, False)
            layers.append(layer)
            x = to_bytes(x @ layer["weights"].T + layer["biases"], layer)
            layer = make(rng, classes, hidden, True)
            layers.append(layer)
            sums = x @ layer["weights"].T + layer["biases"]
        else:
            sums = joined[0]
        answer = sums.astype(np.float32) * layers[-1]["scales"]
        assert len(np.unique(answer)) > images
        shape = (channels, height, width, classes, hidden, relu, images, len(filters), len(layers))
        out += struct.pack("<9I", *shape) + struct.pack(f"<{len(filters)}I", *filters)
        for layer in layers:
            out += layer["weights"].astype(np.int8).tobytes() + layer["biases"].astype("<i4").tobytes()
            if "scales" in layer:
                out += layer["scales"].astype("<f4").tobytes()
            else:
                out += layer["multipliers"].astype("<u2").tobytes() + layer["shifts"].astype(np.uint8).tobytes()
        out += pixels.astype(np.uint8).tobytes() + answer.astype("<f4").tobytes()
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "golden_int8.bin"
    target.write_bytes(out)
    print(f"{target}: {len(out)} bytes")


main()
