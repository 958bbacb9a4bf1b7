"""Times ONNX Runtime on a model and one image, when told to; `examples/folded.rs` tells it.

    python onnx_latency.py MODEL.onnx CALLS

Answers each line on standard input with the seconds that one call took, the median of CALLS of them. One thread.
"""

import sys
import time

import numpy
import onnxruntime


def main():
    calls = int(sys.argv[2])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    shape = [1, *session.get_inputs()[0].shape[1:]]
    images = numpy.random.default_rng(0).random(shape, dtype=numpy.float32)
    for _ in sys.stdin:
        times = []
        for _ in range(calls):
            start = time.perf_counter()
            session.run(["probabilities"], {"images": images})
            times.append(time.perf_counter() - start)
        print(sorted(times)[len(times) // 2], flush=True)


main()
