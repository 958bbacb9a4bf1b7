"""Prints as JSON what TensorBoard reads from a folder of event files.

It is read twice: "pages" is what TensorBoard shows, "scripts" what its EventAccumulator gives. Both are
{run: {tag: [[step, value, wall time], ...]}}.

Usage: read_back.py FOLDER. Without the package tensorboard it ends with status 3.
"""

import json
import os
import sys

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.util import tensor_util
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)


def plain(tensor):
    value = tensor_util.make_ndarray(tensor).item()
    return value.decode() if isinstance(value, bytes) else value


def pages(folder):
    everything = EventMultiplexer().AddRunsFromDirectory(folder).Reload()
    return {
        run: {
            tag: [[e.step, plain(e.tensor_proto), e.wall_time] for e in everything.Tensors(run, tag)]
            for tag in tags["tensors"]
        }
        for run, tags in everything.Runs().items()
    }


def scripts(folder, runs):
    found = {}
    for run in runs:
        events = EventAccumulator(os.path.join(folder, run), size_guidance={"scalars": 0}).Reload()
        found[run] = {
            tag: [[e.step, e.value, e.wall_time] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
        }
    return found


folder = sys.argv[1]
shown = pages(folder)
json.dump({"pages": shown, "scripts": scripts(folder, shown)}, sys.stdout)
