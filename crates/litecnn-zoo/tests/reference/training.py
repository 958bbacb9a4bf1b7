"""Writes training.json beside this file: learning rates, momenta and weights as PyTorch's optimizer and schedules
have them.

    pip install torch
    python training.py
"""

import json
from pathlib import Path

import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

HERE = Path(__file__).parent
EPOCHS, BATCHES = 150, 391
PLACES = [0, 1, 2, 1000, 5863, 5864, 5865, 5866, 30_000, 58_000, 58_647, 58_648, 58_649]


def one_cycle(optimizer, steps):
    return OneCycleLR(optimizer, max_lr=0.0125, total_steps=steps, pct_start=0.1, anneal_strategy="cos",
                      cycle_momentum=True, base_momentum=0.85, max_momentum=0.95, div_factor=25, final_div_factor=1e4)


def rates(steps, places):
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=0.0125, momentum=0.9)
    schedule, found = one_cycle(optimizer, steps), []
    for step in range(steps):
        if step in places:
            group = optimizer.param_groups[0]
            found.append([step, group["lr"], group["momentum"]])
        optimizer.step()
        if step + 1 < steps:
            schedule.step()
    return {"steps": steps, "found": found}


def weights(steps=40, size=7):
    """Weights after each step; gradients are arbitrary."""
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(size, generator=generator)
    gradients = torch.randn(steps, size, generator=generator)
    value = start.clone().requires_grad_()
    optimizer = SGD([value], lr=0.0125, momentum=0.9, weight_decay=0.02)
    schedule, after = one_cycle(optimizer, steps), []
    for step in range(steps):
        value.grad = gradients[step].clone()
        optimizer.step()
        after.append(value.detach().tolist())
        if step + 1 < steps:
            schedule.step()
    return {"start": start.tolist(), "gradients": gradients.tolist(), "after": after}


def plateau():
    """The rate of each epoch, by the losses of those before."""
    losses = [3.0, 2.0, 1.5] + [1.5 - 1e-5 * i for i in range(1, 8)] + [1.4] + [1.4] * 15 + [1.3] + [1.35] * 9
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=0.01, momentum=0.9)
    schedule, found = ReduceLROnPlateau(optimizer, factor=0.1, patience=5, threshold=1e-4, min_lr=1e-5), []
    for loss in losses:
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step(loss)
    return {"losses": losses, "rates": found}


if __name__ == "__main__":
    values = {
        "torch": torch.__version__.split("+")[0],
        "one_cycle": [rates(EPOCHS * BATCHES, PLACES)] + [rates(n, range(n)) for n in (7, 40)],
        "weights": weights(),
        "plateau": plateau(),
    }
    (HERE / "training.json").write_text(json.dumps(values) + "\n")
