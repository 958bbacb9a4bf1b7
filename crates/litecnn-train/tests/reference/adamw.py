#!/usr/bin/env python3
"""Writes adamw.json: weights after each of 50 steps of PyTorch's AdamW on given gradients.

Start and gradients are those of optimizers.json. Run in an environment with `pip install torch==2.13.0` (any version
gives the same numbers):

    python adamw.py > adamw.json
"""
import json
import pathlib

import torch

CASES = {
    "adamw": dict(lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01),
    "adamw-other": dict(lr=0.02, betas=(0.8, 0.95), eps=1e-5, weight_decay=0.3),
    "adamw-no-decay": dict(lr=0.004, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.0),
}
given = json.loads(pathlib.Path(__file__).with_name("optimizers.json").read_text())
out = {"torch": torch.__version__, "cases": {}}
for name, settings in CASES.items():
    # In double precision: what 32 bits make of it is for the tests to bound.
    weights = torch.tensor(given["start"], dtype=torch.float64, requires_grad=True)
    optimizer, rows = torch.optim.AdamW([weights], **settings), []
    for gradient in given["gradients"]:
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        rows.append(weights.detach().tolist())
    out["cases"][name] = rows
print(json.dumps(out))
