"""fftconv's convolution as a module of PyTorch (needs python3-torch and the built engine: FFTCONV_PYTHON)."""

import numpy as np
import torch

from . import Convolution


def _numpy(tensor):
    """The tensor's memory as an array, where it lies; of another type or device a copy."""
    return tensor.detach().to("cpu", torch.float32).numpy()


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(context, x, weight, bias, module):
        layer = module.layer_for(x)
        layer.set_weights(_numpy(weight))
        layer.set_bias(None if bias is None else _numpy(bias))
        context.save_for_backward(x, weight)
        context.layer, context.has_bias = layer, bias is not None
        return torch.from_numpy(layer.forward(_numpy(x))).to(x)

    @staticmethod
    def backward(context, dy):
        x, weight = context.saved_tensors
        layer, gradient = context.layer, _numpy(dy)
        layer.set_weights(_numpy(weight))  # another call may have had others meanwhile
        dx = torch.from_numpy(layer.backward_input(gradient)).to(x) if context.needs_input_grad[0] else None
        dw = None
        if context.needs_input_grad[1]:
            dw = torch.from_numpy(layer.backward_weights(_numpy(x), gradient)).to(weight)
        db = dy.sum(dim=(0, 2, 3)) if context.has_bias and context.needs_input_grad[2] else None
        return dx, dw, db, None


class SpectralConv2d(torch.nn.Module):
    """torch.nn.Conv2d on the engines of fftconv: the same arguments (zeros as padding), parameters and results to the
    rounding of float32, on the processor. `mask` (O, C/groups), False = pruned: kernels that are absent from every pass and
    whose gradient is zero. engine: "fft", "spatial", "direct" or "auto". Layers for each size of images are made when it
    first comes."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 engine="auto", threads=0, mask=None):
        super().__init__()
        like = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.weight, self.bias = like.weight, like.bias  # as PyTorch starts them
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.padding, self.dilation = like.kernel_size, like.stride, like.padding, like.dilation
        self.engine, self.threads = engine, threads
        self._layers = {}
        self.mask = None
        self.set_mask(mask)

    def set_mask(self, mask):
        """(O, C/groups), False = pruned; None keeps every kernel. Weights of pruned kernels are set to zero."""
        self.mask = None if mask is None else np.ascontiguousarray(mask, bool)
        if self.mask is not None:
            expected = tuple(self.weight.shape[:2])
            if self.mask.shape != expected:
                raise ValueError(f"mask: expected shape {expected}, found {self.mask.shape}")
            with torch.no_grad():
                self.weight.mul_(torch.from_numpy(self.mask).to(self.weight)[:, :, None, None])
        for layer in self._layers.values():
            layer.set_mask(self.mask)

    def layer_for(self, x):
        """The fftconv.Convolution for images of this size."""
        size = tuple(x.shape[2:])
        if size not in self._layers:
            layer = Convolution(self.in_channels, self.out_channels, size, self.kernel_size, self.padding, self.stride,
                                self.dilation, self.groups, batch=len(x), engine=self.engine, threads=self.threads)
            layer.set_mask(self.mask)
            self._layers[size] = layer
        return self._layers[size]

    def forward(self, x):
        return _Convolve.apply(x, self.weight, self.bias, self)

    def extra_repr(self):
        kept = "" if self.mask is None else f", {int(self.mask.sum())} of {self.mask.size} kernels"
        return (f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
                f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, engine={self.engine!r}{kept}")
