"""Writes golden_network_int8.bin: lists of operations in 8-bit integers, images, and the logits that NumPy gives, which
tests/network_int8.rs compares bit by bit. Needs NumPy:

    python generate_network_int8.py [golden_network_int8.bin]

For each list: 5 little-endian u32 (channels, height, width, images, operations), the image's zeros as u8; for each
operation 12 u32 (kind as in a model file, value read, value added or 65535, what follows, outputs, groups, kernel,
stride and padding of both axes), its weights as i8 in libtorch's order, biases as i32, then multipliers as u16, shifts
and zeros as u8 and, if something is added, factors as u16 and zeros as u8, and, if a bound follows, largest bytes as u8; or for the last
operation scales as f32; the
images as u8 [image][channel][height][width]; the logits as f32 [image][class].
"""

import struct
import sys
from pathlib import Path

import numpy as np

CONVOLUTION, LARGEST, AVERAGE = 1, 2, 3
NOTHING = 65535


def windows(x, kernel, stride, padding, around):
    """x: [n, c, h, w]; around: a value for each channel. [n, c, rows, columns, taps]"""
    n, c, h, w = x.shape
    padded = np.empty((n, c, h + 2 * padding[0], w + 2 * padding[1]), dtype=np.int64)
    padded[:] = np.asarray(around)[:, None, None]
    padded[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w] = x
    view = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(2, 3))
    view = view[:, :, :: stride[0], :: stride[1]]
    return view.reshape(*view.shape[:4], -1)


def operation(kind, source, outputs=0, groups=1, kernel=(1, 1), stride=(1, 1), padding=(0, 0), added=NOTHING, follows=0):
    return dict(locals())


def run(rng, channels, height, width, images, operations):
    pixels = rng.integers(0, 256, (images, channels, height, width))
    values, zeros = [pixels], [rng.integers(0, 256, channels)]
    out = struct.pack("<5I", channels, height, width, images, len(operations)) + zeros[0].astype(np.uint8).tobytes()
    for index, op in enumerate(operations):
        last = index + 1 == len(operations)
        x, around = values[op["source"]], zeros[op["source"]]
        groups, outputs = op["groups"], op["outputs"] or x.shape[1]
        least = np.full(x.shape[1], -1)
        seen = windows(x, op["kernel"], op["stride"], op["padding"], least if op["kind"] == LARGEST else around)
        n, c, h, w, taps = seen.shape
        weights = np.zeros((0,), dtype=np.int64)
        if op["kind"] == CONVOLUTION:
            weights = rng.integers(-127, 128, (outputs, c // groups, taps))
            parts = np.split(seen, groups, axis=1)
            kernels = np.split(weights, groups, axis=0)
            sums = [np.einsum("nchwt,oct->nohw", part, kernel) for part, kernel in zip(parts, kernels)]
            sums = np.concatenate(sums, axis=1)
        elif op["kind"] == LARGEST:
            sums = 127 * seen.max(-1)
        else:
            sums = 127 * seen.sum(-1)
        middle, spread = sums.mean(axis=(0, 2, 3)), sums.std(axis=(0, 2, 3)) + 1
        biases = np.rint(rng.uniform(0, 2, outputs) * spread - middle).astype(np.int64)
        sums = sums + biases[:, None, None]
        out += struct.pack("<6I", op["kind"], op["source"], op["added"], op["follows"], outputs, groups)
        out += struct.pack("<6I", *op["kernel"], *op["stride"], *op["padding"])
        out += weights.astype(np.int8).tobytes() + biases.astype("<i4").tobytes()
        if last:
            scales = (rng.uniform(1, 4, outputs) / spread).astype(np.float32)
            logits = sums.reshape(images, outputs).astype(np.float32) * scales
            out += scales.astype("<f4").tobytes()
            break
        factors = rng.uniform(40, 90, outputs) / spread
        shifts = np.maximum(np.floor(np.log2(32767 / (factors * 2**21))), 0).astype(np.int64)
        multipliers = np.clip(np.rint(factors * 2.0 ** (21 + shifts)), 1, 32767).astype(np.int64)
        nothing = rng.integers(0, 256, outputs)
        out += multipliers.astype("<u2").tobytes() + shifts.astype(np.uint8).tobytes() + nothing.astype(np.uint8).tobytes()

        def each(of):
            return of[:, None, None]

        short = np.clip(sums >> each(shifts), -(2**15), 2**15 - 1)
        scaled = (short * each(multipliers) + 2**14) >> 15
        if op["added"] != NOTHING:
            by, zero = rng.integers(1, 32768, outputs), rng.integers(0, 256, outputs)
            out += by.astype("<u2").tobytes() + zero.astype(np.uint8).tobytes()
            off = (values[op["added"]] - each(zero)) << 7
            scaled = np.clip(scaled + ((off * each(by) + 2**14) >> 15), -(2**15), 2**15 - 1)
        most = np.full(outputs, 255)
        if op["follows"] == 2:
            most = rng.integers(100, 256, outputs)
            out += most.astype(np.uint8).tobytes()
        values.append(np.clip((scaled + 32) >> 6, 0, each(most)))
        zeros.append(nothing)
    assert len(np.unique(logits)) > images
    return out + pixels.astype(np.uint8).tobytes() + logits.astype("<f4").tobytes()


def main():
    rng = np.random.default_rng(2)
    three = dict(kernel=(3, 3), padding=(1, 1))
    separable = [
        operation(CONVOLUTION, 0, 20, follows=1, **three),
        operation(CONVOLUTION, 1, 20, 20, **three),
        operation(CONVOLUTION, 2, 20, added=1, follows=1),
        operation(AVERAGE, 3, kernel=(2, 2), stride=(2, 2)),
        operation(CONVOLUTION, 4, 20, 20, stride=(2, 2), **three),
        operation(CONVOLUTION, 5, 33, follows=2),
        operation(AVERAGE, 6, kernel=(8, 8)),
        operation(CONVOLUTION, 7, 10),
    ]
    rest = [
        operation(CONVOLUTION, 0, 6, kernel=(5, 3), stride=(1, 2), padding=(2, 1)),
        operation(LARGEST, 1, stride=(2, 2), **three),
        operation(CONVOLUTION, 2, 9, 3, follows=1, **three),
        operation(CONVOLUTION, 3, 9, 9, kernel=(1, 5), padding=(0, 2), added=3),
        operation(AVERAGE, 4, stride=(3, 1), **three),
        operation(CONVOLUTION, 5, 3, kernel=(3, 4)),
    ]
    out = run(rng, 3, 32, 32, 4, separable) + run(rng, 5, 17, 15, 4, rest)
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "golden_network_int8.bin"
    target.write_bytes(out)
    print(f"{target}: {len(out)} bytes")


main()
