"""Times `litecnn data import` and torchvision's ImageFolder in turn on the same pictures, and measures memory.

    python -m venv venv && venv/bin/pip install torch torchvision numpy pillow
    venv/bin/python imagefolder.py --litecnn target/release/litecnn --cifar DATA/cifar10/data_batch_1.bin

10,000 JPEGs of 200x200 pixels (images of CIFAR-10 enlarged, smooth noise added, quality 90) in ten class folders come
to 32x32 pixels. torchvision: ImageFolder, Resize, PILToTensor (bytes, as here) and a DataLoader of two worker
processes, its imports not counted. litecnn: the whole process with two threads, its start counted, into an empty
cache; then once more. Times are medians of the rounds. Last, 100,000 images of 64x64 pixels (hard links to 2,000
JPEGs): the largest memory of the import.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import numpy as np
import torch
import torchvision
from PIL import Image, ImageFilter
from torchvision import transforms


def make(folder, cifar, count, side, rng):
    records = np.fromfile(cifar, dtype=np.uint8).reshape(-1, 3073)
    for i in range(count):
        record = records[i % len(records)]
        image = Image.fromarray(record[1:].reshape(3, 32, 32).transpose(1, 2, 0))
        image = image.resize((side, side), Image.Resampling.BICUBIC)
        noise = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
        image = Image.blend(image, noise.filter(ImageFilter.GaussianBlur(1.5)), 0.2)
        place = folder / f"class-{record[0]}"
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{i}.jpg", quality=90)


def image_folder(folder, workers):
    start = time.perf_counter()
    transform = transforms.Compose([transforms.Resize((32, 32)), transforms.PILToTensor()])
    data = torchvision.datasets.ImageFolder(str(folder), transform)
    loader = torch.utils.data.DataLoader(data, batch_size=256, num_workers=workers)
    images = torch.cat([images for images, _ in loader])
    assert images.shape == (len(data), 3, 32, 32)
    return time.perf_counter() - start


def litecnn(program, folder, cache, size):
    """Seconds, and most memory in MB."""
    command = [program, "data", "import", str(folder), "--size", str(size), "--fit", "stretch", "--quiet"]
    start = time.perf_counter()
    child = subprocess.Popen(command, env={**os.environ, "XDG_CACHE_HOME": str(cache)}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0
    return time.perf_counter() - start, usage.ru_maxrss / 1024


parser = argparse.ArgumentParser()
parser.add_argument("--litecnn", required=True)
parser.add_argument("--cifar", required=True, type=pathlib.Path)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--pictures", type=int, default=10_000)
parser.add_argument("--many", type=int, default=100_000)
parser.add_argument("--folder", type=pathlib.Path, help="keep the pictures here for the next time")
args = parser.parse_args()
torch.set_num_threads(1)
rng = np.random.default_rng(0)

with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    folder = args.folder or scratch
    photos = folder / "photos"
    if not photos.exists():
        make(folder / "photos.part", args.cifar, args.pictures, 200, rng)
        (folder / "photos.part").rename(photos)
    theirs, ours, again = [], [], []
    for i in range(args.rounds):
        theirs.append(image_folder(photos, 2))
        cache = scratch / f"cache-{i}"
        ours.append(litecnn(args.litecnn, photos, cache, 32)[0])
        again.append(litecnn(args.litecnn, photos, cache, 32)[0])
        shutil.rmtree(cache)
        print(f"round {i}: {theirs[-1]:.2f} {ours[-1]:.2f} {again[-1]:.2f} s", flush=True)
    medians = [statistics.median(times) for times in (theirs, ours, again)]
    result = dict(zip(("imagefolder_s", "litecnn_s", "second_start_s"), medians))
    result["ratio"] = statistics.median(a / b for a, b in zip(theirs, ours))

    if args.many:
        small, many = scratch / "small", scratch / "many"
        make(small, args.cifar, 2_000, 64, rng)
        files = sorted(small.glob("*/*.jpg"))
        for i in range(args.many):
            file = files[i % len(files)]
            link = many / file.parent.name / f"{i}.jpg"
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, link)
        result["many_s"], result["many_mb"] = litecnn(args.litecnn, many, scratch / "cache-many", 64)
    print(json.dumps({**result, "torch": torch.__version__, "torchvision": torchvision.__version__}))
