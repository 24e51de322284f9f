"""Architecture strings in their full form (`1x28x28:20C5v-P2-100FC-10Softmax`, what checkpoints hold), as the rows of
layers that the library makes of them: names, order, arrays and shapes."""

import re
from dataclasses import dataclass, field

from .errors import ShapeError

BATCH_NORM_EPSILON = 1e-5
BATCH_NORM_MOMENTUM = 0.1  # share of the batch in the running statistics, PyTorch's meaning of the word

POOLINGS = {"MP2": "overlapped-max", "P2": "max", "P2(average)": "average", "P2(random)": "random", "P2(ecp)": "ecp"}


@dataclass
class Layer:
    """One layer of the network. `arrays` are its arrays and their shapes, in the order of a checkpoint."""

    name: str
    kind: str  # "convolution", "norm", "pooling", "relu", "dense"
    inputs: tuple  # (C, H, W) of its input
    outputs: tuple
    arrays: dict = field(default_factory=dict)
    kernel: int = 0
    padding: int = 0
    method: str = ""  # of a pooling; "ecp" of a convolution that computes the mode-K outputs alone


def parse(text):
    """The layers of an architecture's full form. Raises ShapeError naming the part that cannot be read."""
    return _Builder(text).layers


class _Builder:
    def __init__(self, text):
        head = re.match(r"(\d+)x(\d+)x(\d+):", text)
        if not head:
            raise ShapeError(f"architecture: expected CxHxW: at the start, found {text!r}: the library prints the full form")
        self.maps = tuple(int(extent) for extent in head.groups())
        self.layers, self.counts = [], {}
        parts = [part for written in text[head.end() :].split("-") for part in _repeated(written)]
        for i, part in enumerate(parts):
            self._add(part, parts[i - 1] if i else "", parts[i + 1] if i + 1 < len(parts) else "")
        if not parts or not parts[-1].endswith("Softmax"):
            raise ShapeError(f"architecture: expected a Softmax at the end of {text!r}")

    def _add(self, part, before, after):
        convolution = re.fullmatch(r"(\d+)C(\d+)(?:(v)|p(\d+))?(\+BN)?", part)
        dense = re.fullmatch(r"(\d+)(FC|Softmax)(\+BN)?", part)
        if convolution:
            self._convolution(convolution, POOLINGS.get(after, ""))
        elif dense:
            self._dense(int(dense[1]), bool(dense[3]), dense[2] == "Softmax")
        elif part in POOLINGS:
            if not re.match(r"\d+C", before):  # behind a convolution it is part of that one's block
                self._pooling(POOLINGS[part])
        else:
            raise ShapeError(f"architecture: {part!r} is not known to this package")

    def _layer(self, kind, prefix, outputs, arrays=None, **more):
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        name = f"{prefix}{self.counts[prefix]}"
        self.layers.append(Layer(name, kind, self.maps, outputs, arrays or {}, **more))
        self.maps = outputs

    def _convolution(self, match, pooling):
        """Pooling comes before ReLU; random pooling comes before the normalisation too."""
        outputs, kernel, norm = int(match[1]), int(match[2]), bool(match[5])
        padding = 0 if match[3] else int(match[4]) if match[4] else kernel // 2
        channels, height, width = (self.maps[0], *(extent + 2 * padding - kernel + 1 for extent in self.maps[1:]))
        if min(height, width) < 1:
            raise ShapeError(f"architecture: {match[0]!r}: the kernel does not fit maps of {self.maps}")
        ecp = pooling == "ecp"
        arrays = {"weight": (outputs, channels, kernel, kernel)}
        if not norm:
            arrays["bias"] = (outputs,)
        maps = (outputs, height // 2, width // 2) if ecp else (outputs, height, width)
        self._layer("convolution", "conv", maps, arrays, kernel=kernel, padding=padding, method="ecp" if ecp else "")
        if pooling == "random":
            self._pooling(pooling)
        if norm:
            self._norm()
        if pooling and pooling not in ("ecp", "random"):
            self._pooling(pooling)
        self._layer("relu", "relu", self.maps)

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
    repeat = re.match(r"(\d+)x", part)
    return [part[repeat.end() :]] * int(repeat[1]) if repeat else [part]
