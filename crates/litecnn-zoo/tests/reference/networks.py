"""The 28 networks for 10 classes, written down from the study's tables; dropout is left out."""

from collections import OrderedDict

from torch import nn
from torch.nn import functional as F

from modules import *

CLASSES = 10
BLOCKS = [3, 4, 23, 3]


def network(**parts):
    return nn.Sequential(OrderedDict((name, nn.Sequential(*layers)) for name, layers in parts.items()))


def stem(first, c):
    return [first, nn.BatchNorm2d(c), nn.ReLU()]


def resnet_wide(first, block):
    parts, a = {"stem": stem(first, 64)}, 64
    for stage, count in enumerate(BLOCKS):
        h = 64 * 2**stage
        layers = []
        for i in range(count):
            layers.append(block(a, h, 4 * h, 2 if stage > 0 and i == 0 else 1, i == 0))
            a = 4 * h
        parts[f"stage{stage + 1}"] = layers
    return network(**parts, head=[DenseHead(2048, CLASSES)])


def resnet_inverted(s, tail, head):
    stages = [
        [(s, 64, 10, 1, True), (10, 64, 10, 1, False), (10, 64, 22, 2, True)],
        3 * [(22, 128, 22, 1, False)] + [(22, 128, 42, 2, True)],
        22 * [(42, 256, 42, 1, False)] + [(42, 256, 86, 2, True)],
        2 * [(86, 512, 86, 1, False)],
    ]
    parts = {f"stage{n}": [InvertedBottleneck(*b) for b in blocks] for n, blocks in enumerate(stages, 1)}
    parts["stage4"] += tail
    return network(stem=stem(Separable(3, s), s), **parts, head=[head])


def convolution_relu6(a, o):
    return [conv(1, a, o), nn.BatchNorm2d(o), nn.ReLU6()]


def resnet_narrow(s, n, stage4, block, head):
    n1, n2, n3, n4 = n
    stages = [
        [(s, 64, n1, 1)] + 2 * [(n1, 64, n1, 1)],
        [(n1, 64, n2, 2)] + 3 * [(n2, 128, n2, 1)],
        [(n2, 128, n3, 2)] + 22 * [(n3, 256, n3, 1)],
        [(n3, 512, n4, 2)] + (stage4 - 1) * [(n4, 512, n4, 1)],
    ]
    parts = {
        f"stage{no}": [block(*b, i == 0, 32 >> (no - 1)) for i, b in enumerate(blocks)]
        for no, blocks in enumerate(stages, 1)
    }
    return network(stem=stem(Separable(3, s), s), **parts, head=[head])


def ghost(everywhere, squeeze_excite, groups):
    def block(a, h, o, s, first, side):
        return GhostBottleneck(a, h, o, s, first, first and (everywhere or s == 2), squeeze_excite, groups)

    return block


def dice(a, h, o, s, first, side):
    return DiceBottleneck(a, h, o, side, side, s, first, first)


def relu6_head(a):
    return ConvHead(a, CLASSES, F.relu6, bias=False)


def vgg(unit, head):
    parts, a = {}, 3
    for stage, (l, count) in enumerate([(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]):
        layers = []
        for _ in range(count):
            layers += unit(a, l, 32 >> stage)
            a = l
        parts[f"stage{stage + 1}"] = layers + ([nn.MaxPool2d(2, 2)] if stage < 4 else [])
    return network(**parts, head=head)


def norm_relu(l):
    return [nn.BatchNorm2d(l), nn.ReLU()]


NARROW, EVEN = (10, 22, 42, 86), (16, 24, 40, 88)
PLAIN = lambda a, l, _: [conv(3, a, l, bias=True)] + norm_relu(l)
DENSE = lambda: [DenseHead(512, CLASSES)]
CONV = lambda norm=True: [ConvHead(512, CLASSES, F.relu, bias=True, norm=norm)]

NETWORKS = {
    "resnet101-1": lambda: resnet_wide(conv(3, 3, 64), Bottleneck),
    "resnet101-2": lambda: resnet_wide(conv(3, 3, 64), FireBottleneck),
    "resnet101-3": lambda: resnet_wide(Factorised(3, 64), lambda *b: Bottleneck(*b, "factorised")),
    "resnet101-4": lambda: resnet_wide(Separable(3, 64), lambda *b: Bottleneck(*b, "depthwise")),
    "resnet101-5": lambda: resnet_wide(Separable(3, 64), GroupedBottleneck),
    "resnet101-6": lambda: resnet_inverted(
        64, [InvertedBottleneck(86, 512, 512, 1, True)] + convolution_relu6(512, 2048), DenseHead(2048, CLASSES)
    ),
    "resnet101-7": lambda: resnet_inverted(64, [InvertedBottleneck(86, 512, 512, 1, True)], relu6_head(512)),
    "resnet101-8": lambda: resnet_inverted(64, convolution_relu6(86, 512), relu6_head(512)),
    "resnet101-9": lambda: resnet_inverted(10, convolution_relu6(86, 512), relu6_head(512)),
    "resnet101-10": lambda: resnet_narrow(64, NARROW, 3, ghost(True, False, 1), DenseHead(86, CLASSES, bias=False)),
    "resnet101-11": lambda: resnet_narrow(16, NARROW, 2, ghost(True, False, 1), relu6_head(86)),
    "resnet101-12": lambda: resnet_narrow(16, NARROW, 2, ghost(True, True, 1), relu6_head(86)),
    "resnet101-13": lambda: resnet_narrow(16, EVEN, 2, ghost(False, False, 4), relu6_head(88)),
    "resnet101-14": lambda: resnet_narrow(16, EVEN, 2, ghost(False, True, 4), relu6_head(88)),
    "resnet101-15": lambda: resnet_narrow(64, NARROW, 3, dice, DenseHead(86, CLASSES, bias=False)),
    "vgg19-1": lambda: vgg(
        PLAIN,
        [nn.MaxPool2d(2, 2), nn.Flatten(), nn.Linear(512, 4096), nn.ReLU(), nn.Identity()]
        + [nn.Linear(4096, 4096), nn.ReLU(), nn.Identity(), nn.Linear(4096, CLASSES)],
    ),
    "vgg19-2": lambda: vgg(PLAIN, DENSE()),
    "vgg19-3": lambda: vgg(lambda a, l, _: [Factorised(a, l)] + norm_relu(l), DENSE()),
    "vgg19-4": lambda: vgg(lambda a, l, _: [Separable(a, l)] + norm_relu(l), DENSE()),
    "vgg19-5": lambda: vgg(lambda a, l, _: [Fire(a, l, True)], DENSE()),
    "vgg19-6": lambda: vgg(lambda a, l, _: [DepthwiseFire(a, l)], DENSE()),
    "vgg19-7": lambda: vgg(lambda a, l, _: [DepthwiseFire(a, l)], CONV()),
    "vgg19-8": lambda: vgg(lambda a, l, _: [GroupedFire(a, l, True)], CONV()),
    "vgg19-9": lambda: vgg(lambda a, l, _: [GhostFire(a, l)], CONV(False)),
    "vgg19-10": lambda: vgg(lambda a, l, _: [GhostFire(a, l, True)], CONV(False)),
    "vgg19-11": lambda: vgg(lambda a, l, _: [GhostFire(a, l, True), SqueezeExcite(l)], CONV(False)),
    "vgg19-12": lambda: vgg(lambda a, l, _: [GroupedFire(a, l, True), SqueezeExcite(l)], CONV()),
    "vgg19-13": lambda: vgg(lambda a, l, side: [DiceFire(a, l, side, side)], CONV()),
}
