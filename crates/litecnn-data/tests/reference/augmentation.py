#!/usr/bin/env python3
"""Writes augmentation.json: images resampled by SciPy under rotation, zoom, brightness and translation.

Run in an environment with `pip install numpy==2.4.6 scipy`:

    python augmentation.py > augmentation.json
"""
import json

import numpy as np
from scipy.ndimage import map_coordinates

MODES = {"reflect": "reflect", "constant": "grid-constant", "edge": "nearest"}  # SciPy's names for the three fills
rng = np.random.default_rng(7)
cases = []
for channels, height, width, fill, fill_value, brightness in [
    (1, 12, 12, "reflect", 0.0, 0.0),
    (1, 9, 14, "reflect", 0.0, 0.0),
    (3, 14, 9, "constant", 0.0, 0.0),
    (2, 10, 13, "constant", 0.7, 0.3),
    (3, 11, 8, "edge", 0.0, 0.2),
]:
    image = rng.uniform(0, 1, (channels, height, width)).astype("float32")
    angle, zoom_h, zoom_w, down, right = rng.uniform(-1, 1, 5) * [0.5, 0.4, 0.4, 0.3, 0.3]
    added = brightness * rng.uniform(-1, 1)
    rows, cols = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    # Content moves down and right, is scaled about the centre, and turned about the centre, in pixels.
    v = (rows - (height - 1) / 2 - down * height) * (1 + zoom_h)
    u = (cols - (width - 1) / 2 - right * width) * (1 + zoom_w)
    source_u = np.cos(angle) * u - np.sin(angle) * v + (width - 1) / 2
    source_v = np.sin(angle) * u + np.cos(angle) * v + (height - 1) / 2
    out = np.stack([
        map_coordinates(plane.astype("float64"), [source_v, source_u], order=1, mode=MODES[fill], cval=fill_value)
        for plane in image
    ])
    if brightness:
        out = np.clip(out + added, 0, 1)
    cases.append({
        "fill": fill, "fill_value": fill_value, "brightness": brightness, "shape": [channels, height, width],
        "change": [angle, zoom_h, zoom_w, added, down, right],
        "image": image.ravel().tolist(), "expected": out.astype("float32").ravel().tolist(),
    })
print(json.dumps({"cases": cases}))
