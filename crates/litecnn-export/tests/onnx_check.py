"""Checks an exported model with ONNX's checker and ONNX Runtime.

Usage: onnx_check.py FOLDER, which holds `model.onnx`, `images.f32` (batch, channels, height, width), the `logits.f64`
expected of them, and `classes.json`. Fails, or prints the largest deviations.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

folder = pathlib.Path(sys.argv[1])
path = str(folder / "model.onnx")
model = onnx.load(path)
onnx.checker.check_model(model, full_check=True)
metadata = {p.key: p.value for p in model.metadata_props}
assert model.producer_name == "litecnn", model.producer_name
classes = json.loads(metadata["classes"])
assert classes == json.loads((folder / "classes.json").read_text(encoding="utf-8")), classes
assert set(metadata) == {"classes", "dataset", "recipe", "step"}, metadata

session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
(source,) = session.get_inputs()
assert (source.name, source.type, source.shape[0]) == ("images", "tensor(float)", "batch"), source
assert [(o.name, o.shape) for o in session.get_outputs()] == [
    (name, ["batch", len(classes)]) for name in ("logits", "probabilities")
]
images = np.fromfile(folder / "images.f32", dtype="<f4").reshape(-1, *source.shape[1:])
expected = np.fromfile(folder / "logits.f64", dtype="<f8").reshape(len(images), -1)
powers = np.exp(expected - expected.max(axis=1, keepdims=True))
probable = powers / powers.sum(axis=1, keepdims=True)
scale = max(10.0, np.abs(expected).max())

for batch in (images[:1], images):
    logits, probabilities = session.run(None, {"images": batch})
    far = np.abs(logits - expected[: len(batch)]).max()
    probably_far = np.abs(probabilities - probable[: len(batch)]).max()
    assert far <= 1e-6 * scale and probably_far <= 1e-5, (far, scale, probably_far)
    print(f"batch {len(batch)}: logits {far:.1e}, probabilities {probably_far:.1e};", end=" ")
