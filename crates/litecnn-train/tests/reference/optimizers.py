#!/usr/bin/env python3
"""Writes optimizers.json: weights after each of 50 steps of Keras 3 optimisers on given gradients.

Run in an environment with `pip install keras==3.15.1 tensorflow-cpu==2.21.0` (any Keras 3 gives the same numbers):

    python optimizers.py > optimizers.json
"""
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np

CASES = {
    "nadam": lambda: keras.optimizers.Nadam(),
    "nadam-other": lambda: keras.optimizers.Nadam(learning_rate=0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-5),
    "sgd-nesterov-decay": lambda: keras.optimizers.SGD(0.001, momentum=0.9, nesterov=True, weight_decay=1e-4),
    "sgd-nesterov-decay-large": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    "sgd-momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.5),
    "sgd": lambda: keras.optimizers.SGD(0.01),
}
rng = np.random.default_rng(20250101)
start = (rng.uniform(0.5, 2.0, 16) * rng.choice([-1, 1], 16)).astype("float32")
scale = 10.0 ** rng.uniform(-3, 0.5, 16)
gradients = (rng.normal(size=(50, 16)) * scale).astype("float32")
gradients[20:25, 3] = 0.0
out = {"keras": keras.version(), "start": start.tolist(), "gradients": gradients.tolist(), "cases": {}}
for name, make in CASES.items():
    optimizer, weights, rows = make(), keras.Variable(start), []
    for g in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g)], [weights])
        rows.append(np.asarray(weights.value).astype("float32").tolist())
    out["cases"][name] = rows
print(json.dumps(out))
