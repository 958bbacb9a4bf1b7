"""Times a network of `networks.py` on random images, when told to; `examples/speed.rs` tells it.

    python speed.py NETWORK BATCH THREADS

Answers each line `train` (forward, loss, gradients of all weights) or `infer` (forward without gradients) on standard
input with the seconds that one call took.
"""

import sys
import time

import torch
from torch.nn import functional as F

import modules


def shuffle(x, groups):
    """As `modules.shuffle`, by views: the way it is usually written."""
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


modules.shuffle = shuffle
from networks import NETWORKS  # noqa: E402


def main():
    name, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    network = NETWORKS[name]()
    weights = [value for name, value in network.named_parameters() if "unused" not in name]
    images, labels = torch.randn(batch, 3, 32, 32), torch.zeros(batch, dtype=torch.long)

    def train():
        network.train()
        torch.autograd.grad(F.cross_entropy(network(images), labels), weights)

    def infer():
        network.eval()
        with torch.no_grad():
            network(images)

    for line in sys.stdin:
        call = {"train": train, "infer": infer}[line.strip()]
        start = time.perf_counter()
        call()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
