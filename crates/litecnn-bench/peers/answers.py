#!/usr/bin/env python3
"""Logits of an exported ONNX model by ONNX Runtime, and the latency of one image on one thread.

Usage: answers.py MODEL.onnx IMAGES.u8 LOGITS.f32. Images are bytes `[images, height, width, channels]`; logits are
written as 32-bit floats. Prints the median of 200 calls in microseconds.
"""

import sys
import time

import numpy as np
import onnxruntime

model, images, logits = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
_, channels, height, width = session.get_inputs()[0].shape
pixels = np.fromfile(images, dtype=np.uint8).reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
answers = [
    session.run(["logits"], {"images": np.ascontiguousarray(batch, dtype=np.float32) / np.float32(255)})[0]
    for batch in np.array_split(pixels, max(1, len(pixels) // 500))
]
np.concatenate(answers).astype("<f4").tofile(logits)

one = np.ascontiguousarray(pixels[:1], dtype=np.float32) / np.float32(255)
times = []
for _ in range(220):
    start = time.perf_counter_ns()
    session.run(["probabilities"], {"images": one})
    times.append(time.perf_counter_ns() - start)
print(np.median(times[20:]) / 1000)
