"""Writes quantised.safetensors beside this file: the blocks and some networks, quantised by PyTorch.

    pip install torch safetensors
    python quantise.py

Every weight is made of its name (see `filled`), so is every image; batch k of the calibration is images times
SCALES[k]. Modules are quantised one by one with torch.ao.quantization (eager mode, static, nothing fused) in the
configuration "qnnpack": histograms for values, symmetric weights in the full range; with `/per-channel` weights have a
scale for each channel out. Kernels are fbgemm's, but those of convolutions in groups are qnnpack's: fbgemm's saturate
sums at 16 bits. Concatenations, sums, products and sigmoids are computed in floats on values made floats and are made
bytes again.

For every case `<case>/scales` and `<case>/zero-points` of the values with scales of their own, sorted by name; of each
its first bytes in `<case>/bytes`, how many in `<case>/lengths`; `<case>/result`: all bytes that come out. The names
are in the metadata. How many bytes differ with fbgemm alone and with oneDNN is printed.

`observer/<case>`: scale and zero point of an observer that sees the batches in OBSERVERS.
"""

import copy
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import fx, nn
from torch.ao import quantization as aq
from torch.nn import functional as F

import generate
import modules
import networks
from generate import BLOCKS, filled, is_norm, learnt

HERE = Path(__file__).parent
SCALES = [1.0, 1.5, 0.5]
FIRST = 48
NETWORKS = ["resnet101-1", "resnet101-11", "resnet101-13", "vgg19-12"]
SHORT = "resnet101-1"
# Of each batch how many numbers u in [-1, 1), and a, b, c in a + b u + c u^5.
OBSERVERS = {
    "even": [(5000, 0, 1, 0)],
    "peaked": [(20000, 0, 0, 3)],
    "wider": [(5000, 0, 1, 0), (5000, 0, 1.3, 0), (700, 0.25, 0, 8)],
    "narrower": [(5000, 0, 1, 5), (5000, 0, 0.5, 0)],
    "positive": [(9000, 2, 1, 0), (9000, 2.5, 0.25, 0.5)],
    "negative": [(9000, -7, 0, 3), (9000, -9, 0.25, 0.5)],
    "constant": [(10, 3, 0, 0), (10, 3, 0, 0)],
    "constant-then-more": [(10, 3, 0, 0), (1000, 3, 0, 2), (10, -4, 0, 0)],
    "outlier": [(100000, 0, 0.01, 0), (1, 50, 0, 0), (100000, 0, 0, 0.3)],
    "tiny": [(100, 0, 1e-9, 0)],
}
warnings.filterwarnings("ignore")


class DenseHead(nn.Module):
    """That of modules.py with a layer of its own for PyTorch to replace."""

    def __init__(self, i, o, bias=True):
        super().__init__()
        self.dense = nn.Linear(i, o, bias)

    def forward(self, x):
        return self.dense(x.mean((2, 3)))


@fx.wrap
def shuffle(x, groups):
    n, c, h, w = x.shape
    return x.reshape(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Global(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.keep = keep

    def forward(self, x):
        y = F.adaptive_avg_pool2d(x, 1)
        return y if self.keep else y.flatten(1)


def explicit(module):
    """The same network with modules for all operations, and marks where values become bytes and floats."""
    tracer = fx.Tracer(autowrap_functions=(shuffle,))
    root = fx.GraphModule(module, tracer.trace(module))
    graph, counts = root.graph, {}

    def insert(before, kind, new, *inputs):
        name = f"{kind}_{counts.setdefault(kind, 0)}"
        counts[kind] += 1
        root.add_submodule(name, new)
        with graph.inserting_before(before):
            return graph.call_module(name, inputs)

    def floats(before, x):
        return insert(before, "floats", aq.DeQuantStub(), x)

    for node in list(graph.nodes):
        name = getattr(node.target, "__name__", node.target)
        if node.op == "placeholder":
            mark = insert(node.next, "input", aq.QuantStub(), node)
            node.replace_all_uses_with(mark, lambda user, mark=mark: user is not mark)
        elif node.op == "output":
            node.args = (floats(node, node.args[0]),)
        elif node.op == "call_function" and name in ("relu", "relu6"):
            node.replace_all_uses_with(insert(node, "act", nn.ReLU() if name == "relu" else nn.ReLU6(), node.args[0]))
        elif node.op == "call_function" and name == "avg_pool2d":
            node.replace_all_uses_with(insert(node, "pool", nn.AvgPool2d(*node.args[1:]), node.args[0]))
        elif node.op == "call_method" and name == "mean":
            pool = Global(node.kwargs.get("keepdim", False))
            node.replace_all_uses_with(insert(node, "pool", pool, node.args[0]))
        elif node.op == "call_function" and name in ("cat", "add", "mul", "sigmoid"):
            if name == "cat":
                node.args = ([floats(node, x) for x in node.args[0]], *node.args[1:])
            else:
                node.args = tuple(floats(node, x) for x in node.args)
            mark = insert(node.next, name, aq.QuantStub(), node)
            node.replace_all_uses_with(mark, lambda user, mark=mark: user is not mark)
        elif node.op == "call_module" and isinstance(root.get_submodule(name), nn.Sigmoid):
            before = floats(node, node.args[0])
            node.args = (before,)
            mark = insert(node.next, "sigmoid", aq.QuantStub(), node)
            node.replace_all_uses_with(mark, lambda user, mark=mark: user is not mark)
        elif node.op == "call_function" and name not in ("shuffle", "getitem"):
            raise ValueError(node.format_node())
        elif node.op == "call_method" and name not in ("permute", "flatten"):
            raise ValueError(node.format_node())
    graph.eliminate_dead_code()
    # Moves leave bytes as they are; a quantised tensor cannot be indexed by None.
    for node in graph.nodes:
        if node.op == "call_function" and getattr(node.target, "__name__", "") == "getitem":
            with graph.inserting_before(node):
                shaped = graph.call_function(lambda x: x.reshape(*x.shape, 1, 1), (node.args[0],))
            node.replace_all_uses_with(shaped)
    graph.eliminate_dead_code()
    graph.lint()
    root.recompile()
    return root


def fill(module, prefix):
    for name, value in learnt(module).items():
        key = prefix + name.replace(".dense.", ".")
        u = filled(key, tuple(value.shape))
        if name.endswith("running_var") or is_norm(name, value):
            u = 1 + 0.5 * u
        elif value.dim() == 1:
            u = 0.1 * u
        else:
            u = u * np.sqrt(3 / np.prod(value.shape[1:]))
        value.copy_(u.float())


def quantise(module, images, engine, per_channel):
    torch.backends.quantized.engine = "fbgemm" if engine == "exact" else engine
    module = copy.deepcopy(module).eval()
    weight = aq.default_weight_observer
    if per_channel:
        weight = aq.default_per_channel_weight_observer
    module.qconfig = aq.QConfig(activation=aq.get_default_qconfig("qnnpack", 0).activation, weight=weight)
    prepared = aq.prepare(module, inplace=True)
    for scale in SCALES:
        prepared((images * scale).float())
    converted = aq.convert(prepared, inplace=True)
    if engine == "exact":
        torch.backends.quantized.engine = "qnnpack"
        for part in converted.modules():
            if type(part).__name__ == "Conv2d" and part.groups > 1:
                part.set_weight_bias(*part._weight_bias())
        torch.backends.quantized.engine = "fbgemm"
    return converted


def values(module, images, prefix):
    """All bytes with scales of their own by name, and the result."""
    seen = {}

    def hook(name):
        def see(_, __, y):
            seen[name] = y

        return see

    own = ("Conv2d", "BatchNorm2d", "Linear", "Quantize")
    for name, part in module.named_modules():
        if type(part).__name__ in own and "quantized" in type(part).__module__:
            # Operations of a kind are counted in their order.
            key = name if type(part).__name__ == "Quantize" else prefix + name.replace(".dense", "")
            part.register_forward_hook(hook(key))
        elif type(part).__name__ in own:
            raise ValueError(f"{name} was not quantised")
    last = list(module.graph.nodes)[-1].args[0].args[0]
    kept = {}

    class Keep(fx.Interpreter):
        def run_node(self, node):
            y = super().run_node(node)
            if node is last:
                kept["result"] = y
            return y

    Keep(module).run((images * SCALES[0]).float())
    return seen, kept["result"].int_repr().contiguous()


def case(name, module, shape, prefix, per_channel, tensors, cases, first=FIRST):
    images = filled("images", shape)
    fill(module, prefix)
    module = explicit(module.float().eval())
    results = {}
    for engine in ["exact", "fbgemm", "onednn"]:
        results[engine] = values(quantise(module, images, engine, per_channel), images, prefix)
    seen, result = results.pop("exact")
    names = sorted(seen)
    key = name + ("/per-channel" if per_channel else "")
    tensors[f"{key}/scales"] = torch.tensor([seen[n].q_scale() for n in names], dtype=torch.float64).float()
    tensors[f"{key}/zero-points"] = torch.tensor([seen[n].q_zero_point() for n in names], dtype=torch.uint8)
    firsts = [seen[n].int_repr().contiguous().flatten()[:first] for n in names]
    tensors[f"{key}/bytes"] = torch.cat(firsts)
    tensors[f"{key}/result"] = result
    tensors[f"{key}/lengths"] = torch.tensor([len(f) for f in firsts], dtype=torch.uint8)
    cases[key] = names
    for engine, (others, other) in results.items():
        pairs = [(seen[n].int_repr(), others[n].int_repr()) for n in names] + [(result, other)]
        different = sum((a != b).sum().item() for a, b in pairs)
        largest = max((a.int() - b.int()).abs().max().item() for a, b in pairs)
        if different:
            total = sum(a.numel() for a, _ in pairs)
            print(f"{key}: {engine} differs in {different} of {total} bytes, by {largest} at most")


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    modules.shuffle = generate.shuffle = shuffle
    networks.DenseHead = DenseHead
    tensors, cases = {}, {}
    with torch.no_grad():
        for name, _, module, shape in BLOCKS:
            for per_channel in [False, True]:
                made = module()
                if type(made).__module__.startswith("torch.nn.modules") and not isinstance(made, nn.Sequential):
                    made, prefix = nn.Sequential(made), ""
                else:
                    prefix = "" if isinstance(made, nn.Sequential) else "0."
                case(name, made, [3, *shape], prefix, per_channel, tensors, cases)
        for name in NETWORKS:
            made = networks.NETWORKS[name]()
            first = 12 if name == SHORT else FIRST
            case(name, made, [2, 3, 32, 32], "", False, tensors, cases, first)
    for name, batches in OBSERVERS.items():
        observer = aq.HistogramObserver(reduce_range=False)
        for k, (count, a, b, c) in enumerate(batches):
            u = filled(f"{name}-{k}", [count])
            observer((a + b * u + c * u * u * u * u * u).float())
        scale, zero_point = observer.calculate_qparams()
        tensors[f"observer/{name}"] = torch.stack([scale[0].double(), zero_point[0].double()]).float()
    save_file(tensors, HERE / "quantised.safetensors", {"cases": json.dumps(cases), "observers": json.dumps(OBSERVERS)})


if __name__ == "__main__":
    main()
