#!/usr/bin/env python3
"""Latency of the final model (14,862 or 19,622 parameters) in the runtimes people use today.

One JSON object a line goes to standard output; whatever a runtime prints goes to standard error. Weights and images
are random, which no runtime's time depends on. With --serve, requests `program batch repetitions` are read from
standard input and answered with one line each, so that a caller can take turns with its own measurements.

Exit status: 0 done, 1 a measurement failed, 2 wrong usage, 3 a runtime is missing (the others were measured).
"""

import argparse
import importlib
import importlib.metadata
import io
import json
import os
import sys
import time
import warnings

SHAPES = {"mnist": (1, 28, 28), "fashion-mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
# Program to the packages it needs, the one whose version counts first.
PROGRAMS = {
    "pytorch-eager": ["torch"],
    "pytorch-channels-last": ["torch"],
    "torchscript-frozen": ["torch"],
    "torchscript-optimised": ["torch"],
    "onnxruntime": ["onnxruntime", "torch", "onnx"],
    "openvino-f32": ["openvino", "torch", "onnx"],
    "openvino": ["openvino", "torch", "onnx"],
}
# Warm-up of a request for something already measured: only what the other side's turn threw out of the caches.
WARM_AGAIN = 3


def final_model(shape):
    """The paper's joined model, written the straightforward way; it ends in a softmax."""
    import torch
    from torch import nn

    channels, height, width = shape
    sides = [((side - 2) // 2 - 2) // 2 for side in (height, width)]
    features = 20 * sides[0] * sides[1]

    class Final(nn.Module):
        def __init__(self):
            super().__init__()

            def branch():
                return nn.Sequential(
                    nn.Conv2d(channels, 10, 3), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(10, 20, 3), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Unflatten(1, (features, 1, 1)), nn.Conv2d(features, 10, 1), nn.Flatten(),
                )

            self.left, self.right = branch(), branch()
            self.dense = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10))

        def forward(self, images):
            joined = torch.cat([self.left(images), self.right(images)], dim=1)
            return torch.softmax(self.dense(joined), dim=1)

    return Final().eval()


class Workshop:
    """Makes ready-to-time calls of one model: each program and batch size gets its own, made once."""

    def __init__(self, model, threads):
        import torch

        torch.manual_seed(0)
        torch.set_num_threads(threads)
        self.torch, self.threads, self.shape = torch, threads, SHAPES[model]
        self.module = final_model(self.shape)
        self.calls, self.first, self.onnx = {}, {}, None

    def call(self, program, batch):
        if (program, batch) not in self.calls:
            images = self.torch.rand(batch, *self.shape)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.calls[program, batch] = self.prepare(program, images)
        return self.calls[program, batch]

    def prepare(self, program, images):
        torch = self.torch
        if program == "pytorch-eager":
            return lambda: self.module(images)
        if program == "pytorch-channels-last":
            last = torch.channels_last
            module, images = final_model(self.shape).to(memory_format=last), images.contiguous(memory_format=last)
            return lambda: module(images)
        if program.startswith("torchscript"):
            trace = torch.jit.trace(self.module, images)
            made = torch.jit.freeze(trace) if program == "torchscript-frozen" else torch.jit.optimize_for_inference(trace)
            return lambda: made(images)
        array = images.numpy()
        if program == "onnxruntime":
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            options.inter_op_num_threads = 1
            # Threads that spin after an answer would slow down whoever measures next.
            options.add_session_config_entry("session.force_spinning_stop", "1")
            session = onnxruntime.InferenceSession(self.exported(), options, providers=["CPUExecutionProvider"])
            return lambda: session.run(None, {"images": array})
        import openvino

        settings = {"INFERENCE_NUM_THREADS": self.threads, "PERFORMANCE_HINT": "LATENCY"}
        if program == "openvino-f32":
            settings["INFERENCE_PRECISION_HINT"] = "f32"
        core = openvino.Core()
        graph = core.read_model(self.exported())
        graph.reshape(list(array.shape))
        request = core.compile_model(graph, "CPU", settings).create_infer_request()
        return lambda: request.infer([array], share_inputs=True, share_outputs=True)

    def exported(self):
        """The model as ONNX bytes with a free batch size."""
        if self.onnx is None:
            file = io.BytesIO()
            self.torch.onnx.export(
                self.module, (self.torch.rand(1, *self.shape),), file,
                input_names=["images"], output_names=["probabilities"],
                dynamic_axes={"images": {0: "batch"}, "probabilities": {0: "batch"}}, dynamo=False,
            )
            self.onnx = file.getvalue()
        return self.onnx

    def measure(self, program, batch, repetitions, warmup):
        """Statistics of `repetitions` calls, microseconds a call."""
        with self.torch.inference_mode():
            call = self.call(program, batch)
            if (program, batch) in self.first:
                warmup = min(warmup, WARM_AGAIN)
            else:
                # The first call is one of the warm-up, timed because some runtimes compile in it.
                self.first[program, batch] = timed(call)
            for _ in range(warmup - 1):
                call()
            times = sorted(timed(call) for _ in range(repetitions))
        mean = sum(times) / repetitions
        spread = sum((t - mean) ** 2 for t in times) / (repetitions - 1) if repetitions > 1 else 0.0
        numbers = {
            "median": quantile(times, 0.5), "p95": quantile(times, 0.95), "p99": quantile(times, 0.99),
            "mean": mean, "std": spread**0.5, "min": times[0],
        }
        numbers = {name: round(value, 3) for name, value in numbers.items()}
        first = round(self.first[program, batch], 3)
        return {**numbers, "repetitions": repetitions, "warmup": warmup, "first_call": first}


def timed(call):
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / 1000


def quantile(ordered, share):
    """Linear interpolation between the two nearest values."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def installed(programs):
    """The programs whose packages can be imported; says on standard error what the others lack."""
    good = []
    for program in programs:
        for package in PROGRAMS[program]:
            try:
                importlib.import_module(package)
            except Exception as error:  # A damaged installation raises more than ImportError.
                reason = " ".join(str(error).split())
                say(f"{program} is left out: the Python package `{package}` cannot be imported ({reason}).")
                break
        else:
            good.append(program)
    return good


def say(sentence):
    print(sentence, file=sys.stderr, flush=True)


def measure_row(workshop, program, model, batch, repetitions, warmup):
    row = {
        "program": program, "version": importlib.metadata.version(PROGRAMS[program][0]), "model": model,
        "batch": batch, "threads": workshop.threads, "device": "cpu", "metric": "latency", "unit": "us",
    }
    return {**row, **workshop.measure(program, batch, repetitions, warmup)}


def serve(emit, workshop, programs, model, warmup):
    emit({"ready": programs})
    failed = False
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            program, batch, repetitions = line.split()
            if program not in programs:
                raise ValueError(f"program `{program}` is not among {', '.join(programs)}")
            row = measure_row(workshop, program, model, positive(batch), positive(repetitions), warmup)
        except Exception as error:
            failed, row = True, {"error": f"request `{line.strip()}`: {error}"}
        emit(row)
    return failed


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError(f"{number} is below 1")
    return number


def one_of(known):
    def items(text):
        found = text.split(",")
        for item in found:
            if item not in known:
                raise argparse.ArgumentTypeError(f"`{item}` is not among {', '.join(known)}")
        return found

    return items


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=one_of(SHAPES), default=list(SHAPES), help="default: all")
    parser.add_argument("--batches", type=lambda s: [positive(b) for b in s.split(",")], default=[1, 32, 256])
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--repetitions", type=positive, default=100)
    parser.add_argument("--warmup", type=positive, default=10, help="calls before the first measurement of a kind")
    parser.add_argument("--programs", type=one_of(PROGRAMS), default=list(PROGRAMS), help="default: all")
    parser.add_argument("--serve", action="store_true", help="answer requests for one model from standard input")
    given = parser.parse_args()
    if given.serve and len(given.models) != 1:
        parser.error("--serve wants exactly one model")
    return given


def main():
    given = arguments()
    # Rows go to the real standard output; libraries, native ones included, find standard error in its place.
    rows = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def emit(row):
        print(json.dumps(row), file=rows, flush=True)

    programs = installed(given.programs)
    failed = False
    if given.serve:
        workshop = Workshop(given.models[0], given.threads) if programs else None
        failed = serve(emit, workshop, programs, given.models[0], given.warmup)
    elif programs:
        for model in given.models:
            workshop = Workshop(model, given.threads)
            for batch in given.batches:
                for program in programs:
                    try:
                        emit(measure_row(workshop, program, model, batch, given.repetitions, given.warmup))
                    except Exception as error:
                        failed = True
                        say(f"{program} failed on {model} with batch {batch}: {error}")
    return 1 if failed else 3 if len(programs) < len(given.programs) else 0


if __name__ == "__main__":
    sys.exit(main())
