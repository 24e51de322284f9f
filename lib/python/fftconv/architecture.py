"""Architecture strings in their full form (`1x28x28:20C5v-P2-100FC-10Softmax`, what checkpoints hold), as the rows of
layers that the library makes of them: names, order, arrays and shapes."""

import re
from dataclasses import dataclass, field

from .errors import ShapeError

BATCH_NORM_EPSILON = 1e-5
BATCH_NORM_MOMENTUM = 0.1  # share of the batch in the running statistics, PyTorch's meaning of the word

POOLINGS = {"MP2": "overlapped-max", "P2": "max", "P2(average)": "average", "P2(random)": "random", "P2(ecp)": "ecp"}


PAIR = r"[0-9]+(?:x[0-9]+)?"
CONVOLUTION = (rf"(?P<outputs>[0-9]+)C(?P<kernel>{PAIR})(?:(?P<valid>v)|p(?P<padding>[0-9]+(?:x[0-9]+(?:x[0-9]+x[0-9]+)?)?))?"
               rf"(?P<more>(?:s{PAIR}|d{PAIR}|g[0-9]+|dw)*)(?P<norm>\+BN)?")


def pair_of(text):
    """"5" or "5x3" as (vertical, horizontal)."""
    numbers = tuple(int(number) for number in text.split("x"))
    return numbers * 2 if len(numbers) == 1 else numbers


def same_padding(kernel, dilation):
    """The zeros with which stride 1 keeps the size, or None where there is no middle tap."""
    reach = [(taps - 1) * step for taps, step in zip(kernel, dilation)]
    return None if any(each % 2 for each in reach) else (reach[0] // 2, reach[1] // 2) * 2


@dataclass
class Layer:
    """One layer of the network. `arrays` are its arrays and their shapes, in the order of a checkpoint."""

    name: str
    kind: str  # "convolution", "norm", "pooling", "relu", "dense"
    inputs: tuple  # (C, H, W) of its input
    outputs: tuple
    arrays: dict = field(default_factory=dict)
    kernel: tuple = (0, 0)  # taps, vertical and horizontal
    padding: tuple = (0, 0, 0, 0)  # zeros: top, left, bottom, right
    stride: tuple = (1, 1)
    dilation: tuple = (1, 1)
    groups: int = 1
    method: str = ""  # of a pooling; "ecp" of a convolution that computes the mode-K outputs alone


def parse(text):
    """The layers of an architecture's full form. Raises ShapeError naming the part that cannot be read."""
    return _Builder(text).layers


class _Builder:
    def __init__(self, text):
        head = re.match(r"([0-9]+)x([0-9]+)x([0-9]+):", text)
        if not head:
            raise ShapeError(f"architecture: expected CxHxW: at the start, found {text!r}: the library prints the full form")
        self.maps = tuple(int(extent) for extent in head.groups())
        self._require(min(self.maps) >= 1, head[0], "maps of at least one pixel")
        self.layers, self.counts = [], {}
        parts = [part for written in text[head.end() :].split("-") for part in _repeated(written)]
        for i, part in enumerate(parts):
            self._add(part, parts[i - 1] if i else "", parts[i + 1] if i + 1 < len(parts) else "")
            self._require(min(self.maps) >= 1, part, "maps that are left behind it")
            self._require(i + 1 == len(parts) or "Softmax" not in part, part, "it at the end")
        if not parts or not parts[-1].endswith("Softmax"):
            raise ShapeError(f"architecture: expected a Softmax at the end of {text!r}")

    def _add(self, part, before, after):
        convolution = re.fullmatch(CONVOLUTION, part)
        dense = re.fullmatch(r"([0-9]+)(FC|Softmax)(\+BN)?", part)
        in_rows = any(layer.kind == "dense" for layer in self.layers)
        self._require(dense or not in_rows, part, "a fully connected layer behind another")
        if convolution:
            self._convolution(convolution, POOLINGS.get(after, ""))
        elif dense:
            self._dense(int(dense[1]), bool(dense[3]), dense[2] == "Softmax")
        elif part in POOLINGS:
            if not re.match(r"[0-9]+C", before):  # behind a convolution it is part of that one's block
                self._pooling(POOLINGS[part])
        else:
            raise ShapeError(f"architecture: {part!r} is not known to this package")

    def _require(self, holds, part, expected):
        if not holds:
            raise ShapeError(f"architecture: {part!r}: expected {expected}")

    def _layer(self, kind, prefix, outputs, arrays=None, **more):
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        name = f"{prefix}{self.counts[prefix]}"
        self.layers.append(Layer(name, kind, self.maps, outputs, arrays or {}, **more))
        self.maps = outputs

    def _convolution(self, match, pooling):
        """Pooling comes before ReLU; random pooling comes before the normalisation too."""
        outputs, kernel, norm = int(match["outputs"]), pair_of(match["kernel"]), bool(match["norm"])
        channels, more = self.maps[0], dict(re.findall(rf"(s|d(?!w)|g)({PAIR})", match["more"]))
        stride, dilation = pair_of(more.get("s", "1")), pair_of(more.get("d", "1"))
        groups = channels if "dw" in match["more"] else int(more.get("g", 1))
        padding = self._padding(match, kernel, dilation)
        self._require(min(outputs, *kernel, *stride, *dilation, groups) >= 1, match[0], "numbers of at least 1")
        height, width = (self._outputs(i, kernel, padding, stride, dilation) for i in (0, 1))
        if min(height, width) < 1 or channels % groups or outputs % groups:
            raise ShapeError(f"architecture: {match[0]!r} does not fit maps of {self.maps}")
        ecp = pooling == "ecp"
        arrays = {"weight": (outputs, channels // groups, *kernel)}
        if not norm:
            arrays["bias"] = (outputs,)
        maps = (outputs, height // 2, width // 2) if ecp else (outputs, height, width)
        self._layer("convolution", "conv", maps, arrays, kernel=kernel, padding=padding, stride=stride,
                    dilation=dilation, groups=groups, method="ecp" if ecp else "")
        if pooling == "random":
            self._pooling(pooling)
        if norm:
            self._norm()
        if pooling and pooling not in ("ecp", "random"):
            self._pooling(pooling)
        self._layer("relu", "relu", self.maps)

    def _padding(self, match, kernel, dilation):
        if match["valid"]:
            return (0, 0, 0, 0)
        if match["padding"]:
            numbers = [int(number) for number in match["padding"].split("x")]
            return tuple(numbers * (4 // len(numbers)))
        same = same_padding(kernel, dilation)
        if same is None:
            raise ShapeError(f"architecture: {match[0]!r}: an even kernel has no 'same' padding")
        return same

    def _outputs(self, axis, kernel, padding, stride, dilation):
        room = self.maps[1 + axis] + padding[axis] + padding[2 + axis] - (kernel[axis] - 1) * dilation[axis] - 1
        return room // stride[axis] + 1

    def _pooling(self, method):
        if method == "ecp":
            raise ShapeError("architecture: P2(ecp) must stand right behind a convolution")
        channels, height, width = self.maps
        self._layer("pooling", "pool", (channels, height // 2, width // 2), method=method)

    def _norm(self):
        shape = (self.maps[0],)
        names = ("scale", "shift", "running_mean", "running_variance")
        self._layer("norm", "norm", self.maps, {name: shape for name in names})

    def _dense(self, outputs, norm, last):
        self._require(outputs >= 1, f"{outputs}{'Softmax' if last else 'FC'}", "at least one neuron")
        arrays = {"weight": (outputs, self.maps[0] * self.maps[1] * self.maps[2])}
        if not norm:
            arrays["bias"] = (outputs,)
        self._layer("dense", "dense", (outputs, 1, 1), arrays)
        if norm:
            self._norm()
        if not last:
            self._layer("relu", "relu", self.maps)


def _repeated(part):
    """`2x128C3` written out twice."""
    repeat = re.match(r"([1-9][0-9]*)x", part)
    return [part[repeat.end() :]] * int(repeat[1]) if repeat else [part]
