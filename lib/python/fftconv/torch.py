"""fftconv's convolution as a module of PyTorch (needs python3-torch and the built engine: FFTCONV_PYTHON)."""

import threading

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from . import Convolution


def _numpy(tensor):
    """The tensor's memory as an array, where it lies; of another type or device a copy."""
    return tensor.detach().to("cpu", torch.float32).numpy()


class _Layer:
    """A Convolution, and the lock of whoever uses it: it is for one thread at a time, from its weights to its result."""

    def __init__(self, *arguments, **more):
        self.engine, self.lock = Convolution(*arguments, **more), threading.Lock()

    def run(self, work, weight, *arrays, bias=None):
        with self.lock:
            self.engine.set_weights(_numpy(weight))
            self.engine.set_bias(None if bias is None else _numpy(bias))
            return getattr(self.engine, work)(*[_numpy(array) for array in arrays])


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(context, x, weight, bias, module):
        layer = module.layer_for(x)
        context.save_for_backward(x, weight)
        context.layer, context.has_bias = layer, bias is not None
        return torch.from_numpy(layer.run("forward", weight, x, bias=bias)).to(x)

    @staticmethod
    @once_differentiable  # gradients of gradients are refused: these would be without a graph
    def backward(context, dy):
        x, weight = context.saved_tensors
        layer = context.layer
        dx = torch.from_numpy(layer.run("backward_input", weight, dy)).to(x) if context.needs_input_grad[0] else None
        dw = None
        if context.needs_input_grad[1]:
            dw = torch.from_numpy(layer.run("backward_weights", weight, x, dy)).to(weight)
        db = dy.sum(dim=(0, 2, 3)) if context.has_bias and context.needs_input_grad[2] else None
        return dx, dw, db, None


class SpectralConv2d(torch.nn.Module):
    """torch.nn.Conv2d on the engines of fftconv: the same arguments (zeros as padding), parameters and results to the
    rounding of float32, on the processor. `mask` (O, C/groups), False = pruned: kernels that are absent from every pass and
    whose gradient is zero. engine: "fft", "spatial", "direct" or "auto". Layers for each size of images are made when it
    first comes; threads take turns in each. Gradients of gradients raise RuntimeError.

    An optimizer with momentum may move the weights of kernels that are pruned in the middle of a training: no pass reads
    them, but a Conv2d with this module's state_dict does. set_mask(module.mask) puts them to zero again."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 engine="auto", threads=0, mask=None):
        super().__init__()
        like = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.weight, self.bias = like.weight, like.bias  # as PyTorch starts them
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.padding, self.dilation = like.kernel_size, like.stride, like.padding, like.dilation
        self._zeros = self._zeros_of(like)
        self.engine, self.threads = engine, threads
        self._layers = {}
        self.mask = None
        self.set_mask(mask)

    def _zeros_of(self, like):
        """Of each side: top, left, bottom, right."""
        if like.padding == "valid":
            return (0, 0, 0, 0)
        if like.padding == "same":
            total = [step * (taps - 1) for step, taps in zip(like.dilation, like.kernel_size)]
            return (*(each // 2 for each in total), *(each - each // 2 for each in total))
        return tuple(like.padding) * 2

    def __getstate__(self):  # layers are made again where they are missing
        return {**self.__dict__, "_layers": {}}

    def set_mask(self, mask):
        """(O, C/groups), False = pruned; None keeps every kernel. Weights of pruned kernels are set to zero."""
        if mask is not None and not np.isin(mask, (0, 1)).all():
            raise ValueError("mask: expected True or False, or 1 and 0")
        self.mask = None if mask is None else np.ascontiguousarray(mask, bool)
        if self.mask is not None:
            expected = tuple(self.weight.shape[:2])
            if self.mask.shape != expected:
                raise ValueError(f"mask: expected shape {expected}, found {self.mask.shape}")
            with torch.no_grad():
                self.weight.mul_(torch.from_numpy(self.mask).to(self.weight)[:, :, None, None])
        for layer in self._layers.values():
            with layer.lock:
                layer.engine.set_mask(self.mask)

    def layer_for(self, x):
        """The layer for images of this size."""
        size = tuple(x.shape[2:])
        if size not in self._layers:
            layer = _Layer(self.in_channels, self.out_channels, size, self.kernel_size, self._zeros, self.stride,
                           self.dilation, self.groups, batch=len(x), engine=self.engine, threads=self.threads)
            layer.engine.set_mask(self.mask)
            self._layers.setdefault(size, layer)
        return self._layers[size]

    def forward(self, x):
        """(N, C, H, W), or one image (C, H, W), of the weights' type."""
        if x.dtype != self.weight.dtype:
            raise TypeError(f"expected images of {self.weight.dtype}, as the weights are, found {x.dtype}")
        if x.dim() == 3:
            return _Convolve.apply(x[None], self.weight, self.bias, self)[0]
        return _Convolve.apply(x, self.weight, self.bias, self)

    def extra_repr(self):
        kept = "" if self.mask is None else f", {int(self.mask.sum())} of {self.mask.size} kernels"
        return (f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
                f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, engine={self.engine!r}{kept}")
