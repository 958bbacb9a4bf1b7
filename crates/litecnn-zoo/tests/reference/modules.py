"""The blocks and networks in PyTorch, each written down from its formula. Attributes have the names of the weights."""

from math import gcd

import torch
from torch import nn
from torch.nn import functional as F


def conv(kernel, i, o, stride=1, groups=1, bias=False, padding=None):
    if isinstance(kernel, int):
        kernel = (kernel, kernel)
    if padding is None:
        padding = tuple((k - 1) // 2 for k in kernel)
    return nn.Conv2d(i, o, kernel, stride, padding, groups=groups, bias=bias)


def depthwise(c, stride=1):
    return conv(3, c, c, stride, groups=c)


def shuffle(x, groups):
    # out[j * G + i] = in[i * (C / G) + j]
    channels = x.shape[1]
    order = [i * (channels // groups) + j for j in range(channels // groups) for i in range(groups)]
    return x[:, order]


class Residual(nn.Module):
    """A body (`body`) and a shortcut, which is the input or a projection with batch norm."""

    def make_shortcut(self, i, o, stride, project, bias=False):
        if project:
            self.shortcut = conv(1, i, o, stride, bias=bias)
            self.shortcut_norm = nn.BatchNorm2d(o)

    def forward(self, x):
        shortcut = self.shortcut_norm(self.shortcut(x)) if hasattr(self, "shortcut") else x
        return self.after(self.body(x) + shortcut)

    def after(self, x):
        return x


class Factorised(nn.Module):
    def __init__(self, i, out, stride=1):
        super().__init__()
        self.vertical = conv((3, 1), i, i, (stride, 1))
        self.horizontal = conv((1, 3), i, out, (1, stride))

    def forward(self, x):
        return self.horizontal(self.vertical(x))


class Separable(nn.Module):
    def __init__(self, i, out, stride=1):
        super().__init__()
        self.depthwise = depthwise(i, stride)
        self.pointwise = conv(1, i, out)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class Bottleneck(Residual):
    def __init__(self, i, hidden, out, stride=1, project=False, middle="full"):
        super().__init__()
        self.reduce = conv(1, i, hidden)
        self.reduce_norm = nn.BatchNorm2d(hidden)
        self.middle = {
            "full": lambda: conv(3, hidden, hidden, stride),
            "factorised": lambda: Factorised(hidden, hidden, stride),
            "depthwise": lambda: depthwise(hidden, stride),
        }[middle]()
        self.middle_norm = nn.BatchNorm2d(hidden)
        self.expand = conv(1, hidden, out)
        self.expand_norm = nn.BatchNorm2d(out)
        self.make_shortcut(i, out, stride, project)

    def body(self, x):
        x = F.relu(self.reduce_norm(self.reduce(x)))
        x = F.relu(self.middle_norm(self.middle(x)))
        return self.expand_norm(self.expand(x))

    def after(self, x):
        return F.relu(x)


class GroupedBottleneck(Residual):
    def __init__(self, i, hidden, out, stride=1, project=False):
        super().__init__()
        self.reduce = conv(1, i, hidden, groups=4)
        self.reduce_norm = nn.BatchNorm2d(hidden)
        self.middle = depthwise(hidden, stride)
        self.middle_norm = nn.BatchNorm2d(hidden)
        self.expand = conv(1, hidden, out, groups=4)
        self.expand_norm = nn.BatchNorm2d(out)
        self.make_shortcut(i, out, stride, project)

    def body(self, x):
        x = shuffle(F.relu(self.reduce_norm(self.reduce(x))), 4)
        x = self.middle_norm(self.middle(x))
        return shuffle(self.expand_norm(self.expand(x)), 4)

    def after(self, x):
        return F.relu(x)


class InvertedBottleneck(Residual):
    def __init__(self, i, hidden, out, stride=1, project=False):
        super().__init__()
        self.expand = conv(1, i, hidden)
        self.expand_norm = nn.BatchNorm2d(hidden)
        self.depthwise = depthwise(hidden, stride)
        self.depthwise_norm = nn.BatchNorm2d(hidden)
        self.reduce = conv(1, hidden, out)
        self.reduce_norm = nn.BatchNorm2d(out)
        self.make_shortcut(i, out, stride, project)

    def body(self, x):
        x = F.relu6(self.expand_norm(self.expand(x)))
        x = F.relu6(self.depthwise_norm(self.depthwise(x)))
        return self.reduce_norm(self.reduce(x))


class GhostModule(nn.Module):
    def __init__(self, i, out, activate=False, groups=1):
        super().__init__()
        self.activate, self.groups = activate, groups
        self.primary = conv(1, i, out // 2, groups=groups)
        self.cheap = depthwise(out // 2)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x):
        y = self.primary(x)
        if self.groups > 1:
            y = shuffle(y, self.groups)
        x = self.norm(torch.cat([self.cheap(y), y], 1))
        return F.relu6(x) if self.activate else x


class SqueezeExcite(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.reduce = nn.Linear(c, c // 4, bias=False)
        self.expand = nn.Linear(c // 4, c, bias=False)

    def forward(self, x):
        gate = torch.sigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class GhostBottleneck(Residual):
    def __init__(self, i, hidden, out, stride=1, project=False, depthwise_=False, squeeze_excite=False, groups=1):
        super().__init__()
        self.expand = GhostModule(i, hidden, True, groups)
        if depthwise_ or stride > 1:
            self.depthwise = depthwise(hidden, stride)
            self.depthwise_norm = nn.BatchNorm2d(hidden)
        if squeeze_excite:
            self.squeeze_excite = SqueezeExcite(hidden)
        self.reduce = GhostModule(hidden, out, False, groups)
        self.make_shortcut(i, out, stride, project)

    def body(self, x):
        x = self.expand(x)
        if hasattr(self, "depthwise"):
            x = self.depthwise_norm(self.depthwise(x))
        if hasattr(self, "squeeze_excite"):
            x = self.squeeze_excite(x)
        return self.reduce(x)


class Dice(nn.Module):
    def __init__(self, c, out, h, w):
        super().__init__()
        self.channel, self.height, self.width = depthwise(c), depthwise(h), depthwise(w)
        self.views_norm = nn.BatchNorm2d(3 * c)
        self.merge = conv(1, 3 * c, c, groups=c, padding=1)
        self.merge_norm = nn.BatchNorm2d(c)
        self.gate_reduce = conv(1, c, c // 4)
        self.gate_expand = conv(1, c // 4, out)
        self.project = conv(3, c, out, groups=gcd(c, out), padding=0)
        self.project_norm = nn.BatchNorm2d(out)

    def forward(self, x):
        height = self.height(x.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
        width = self.width(x.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)
        x = torch.cat([self.channel(x), height, width], 1)
        x = shuffle(F.relu(self.views_norm(x)), 3)
        y = F.relu(self.merge_norm(self.merge(x)))
        gate = torch.sigmoid(self.gate_expand(F.relu(self.gate_reduce(y.mean((2, 3), keepdim=True)))))
        return gate * F.relu(self.project_norm(self.project(y)))


class StridedDice(nn.Module):
    def __init__(self, c, out, h, w):
        """`h` and `w` are those of the output."""
        super().__init__()
        self.left = depthwise(c, 2)
        self.left_norm = nn.BatchNorm2d(c)
        self.left_pointwise = conv(1, c, out // 2)
        self.left_pointwise_norm = nn.BatchNorm2d(out // 2)
        self.right = Dice(c, out // 2, h, w)

    def forward(self, x):
        left = F.relu(self.left_norm(self.left(x)))
        left = F.relu(self.left_pointwise_norm(self.left_pointwise(left)))
        right = self.right(F.avg_pool2d(x, 3, 2, 1))
        return shuffle(torch.cat([left, right], 1), 2)


class DiceBottleneck(Residual):
    def __init__(self, i, hidden, out, h, w, stride=1, project=False, unused=False):
        super().__init__()
        self.reduce = conv(1, i, hidden)
        self.reduce_norm = nn.BatchNorm2d(hidden)
        if unused:
            self.unused = depthwise(hidden)
            self.unused_norm = nn.BatchNorm2d(hidden)
        self.unit = Dice(hidden, out, h, w) if stride == 1 else StridedDice(hidden, out, h, w)
        self.make_shortcut(i, out, stride, project)

    def body(self, x):
        return self.unit(F.relu(self.reduce_norm(self.reduce(x))))


class Fire(nn.Module):
    def __init__(self, a, l, unused_norm=False):
        super().__init__()
        q, e = l // 8, l // 2
        self.squeeze = conv(1, a, q, bias=True)
        if unused_norm:
            self.unused_norm = nn.BatchNorm2d(q)
        self.expand1, self.expand3 = conv(1, q, e, bias=True), conv(3, q, e, bias=True)
        self.expand1_norm, self.expand3_norm = nn.BatchNorm2d(e), nn.BatchNorm2d(e)

    def forward(self, x):
        x = self.squeeze(x)
        one = F.relu(self.expand1_norm(self.expand1(x)))
        three = F.relu(self.expand3_norm(self.expand3(x)))
        return torch.cat([one, three], 1)


class FireBottleneck(Residual):
    def __init__(self, i, squeeze, out, stride=1, project=False):
        super().__init__()
        self.squeeze = conv(1, i, squeeze, bias=True)
        self.expand1 = conv(1, squeeze, out // 2, stride, bias=True)
        self.expand3 = conv(3, squeeze, out // 2, stride, bias=True)
        self.make_shortcut(i, out, stride, project, bias=True)

    def body(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1(x)), F.relu(self.expand3(x))], 1)


class DepthwiseFire(nn.Module):
    def __init__(self, a, l):
        super().__init__()
        q, e = l // 8, l // 2
        self.squeeze, self.squeeze_norm = conv(1, a, q, bias=True), nn.BatchNorm2d(q)
        self.expand1, self.expand1_norm = conv(1, q, e, bias=True), nn.BatchNorm2d(e)
        self.expand3, self.expand3_norm = conv(3, q, e, groups=q), nn.BatchNorm2d(e)

    def forward(self, x):
        x = F.relu(self.squeeze_norm(self.squeeze(x)))
        return F.relu(torch.cat([self.expand1_norm(self.expand1(x)), self.expand3_norm(self.expand3(x))], 1))


class GroupedFire(nn.Module):
    def __init__(self, a, l, unused_norm=False):
        super().__init__()
        q, e = l // 8, l // 2
        self.grouped = a > 24
        self.squeeze, self.squeeze_norm = conv(1, a, q, groups=4 if a > 24 else 1), nn.BatchNorm2d(q)
        self.expand1, self.expand1_norm = conv(1, q, e, groups=4 if q > 24 else 1), nn.BatchNorm2d(e)
        self.expand3 = conv(3, q, e, groups=q)
        if unused_norm:
            self.unused_norm = nn.BatchNorm2d(e)

    def forward(self, x):
        x = F.relu(self.squeeze_norm(self.squeeze(x)))
        if self.grouped:
            x = shuffle(x, 4)
        x = torch.cat([self.expand1_norm(self.expand1(x)), self.expand3(x)], 1)
        return F.relu(shuffle(x, 8))


class GhostFire(nn.Module):
    def __init__(self, a, l, grouped=False):
        super().__init__()
        q, e = l // 8, l // 2
        self.squeeze = GhostModule(a, q, True)
        self.expand1, self.expand1_norm = conv(1, q, e), nn.BatchNorm2d(e)
        self.expand3 = GhostModule(q, e, False, 4 if grouped and q > 24 else 1)

    def forward(self, x):
        x = self.squeeze(x)
        return F.relu(torch.cat([self.expand1_norm(self.expand1(x)), self.expand3(x)], 1))


class DiceFire(nn.Module):
    def __init__(self, a, l, h, w):
        super().__init__()
        q, e = l // 8, l // 2
        self.squeeze, self.squeeze_norm = conv(1, a, q, groups=gcd(a, q)), nn.BatchNorm2d(q)
        self.expand1, self.expand1_norm = conv(1, q, e), nn.BatchNorm2d(e)
        self.expand3 = Dice(q, e, h, w)

    def forward(self, x):
        x = F.relu(self.squeeze_norm(self.squeeze(x)))
        return F.relu(torch.cat([self.expand1_norm(self.expand1(x)), self.expand3(x)], 1))


class DenseHead(nn.Linear):
    """Without dropout."""

    def forward(self, x):
        return super().forward(x.mean((2, 3)))


class ConvHead(nn.Module):
    def __init__(self, i, classes, activation, bias, norm=True):
        super().__init__()
        self.conv = conv(1, i, classes, bias=bias)
        if norm:
            self.conv_norm = nn.BatchNorm2d(classes)
        self.activation = activation

    def forward(self, x):
        x = self.conv(x)
        if hasattr(self, "conv_norm"):
            x = self.conv_norm(x)
        return self.activation(x).mean((2, 3))
