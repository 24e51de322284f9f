"""A checkpoint's network in plain NumPy: slow, and short enough to be read as the specification of what the weights mean."""

import numpy as np

from .architecture import BATCH_NORM_EPSILON
from .checkpoint import masked_arrays, mode_of, open_checkpoint
from .errors import ShapeError


def predict(checkpoint, images, mode=None, dtype=np.float32):
    """Logits (N, classes) of images (N, C, H, W), pixels of 0 to 1: preprocessing, masks and batch statistics as the
    checkpoint has them. `mode` is K of random and ecp poolings, without it the checkpoint's own. Raises ShapeError on
    images of another size than the architecture's (the apps pad smaller ones with zeros), ValueError on another K."""
    with open_checkpoint(checkpoint) as file:
        layers, arrays, preprocessing = file.layers, masked_arrays(file), file.preprocessing
        mode = mode_of(file, mode)
    images = np.asarray(images, dtype)
    if images.ndim != 4 or images.shape[1:] != layers[0].inputs:
        raise ShapeError(f"images: expected (N, {', '.join(map(str, layers[0].inputs))}), found {images.shape}")
    x = preprocess(images, preprocessing)
    for layer in layers:
        own = {name: arrays[f"{layer.name}/{name}"].astype(dtype) for name in layer.arrays}
        x = FORWARD[layer.kind](layer, x, own, mode)
    return x.reshape(len(x), -1)


def preprocess(images, preprocessing):
    """Global contrast normalisation, then whitening, as far as there is either."""
    x = images.reshape(len(images), -1)
    if "contrast" in preprocessing:
        scale, bias = preprocessing["contrast"]
        x = x - x.mean(axis=1, keepdims=True, dtype=np.float64)
        deviation = np.sqrt(bias + np.mean(x * x, axis=1, keepdims=True))
        x = (scale * x / np.maximum(deviation, 1e-8)).astype(images.dtype)
    if "whitening" in preprocessing:
        x = (x - preprocessing["mean"].ravel()) @ preprocessing["whitening"].T.astype(images.dtype)
    return x.reshape(images.shape)


def _convolution(layer, x, own, mode):
    """Cross-correlation, y[o](m, n) = Σ W[o, c](u, v) x[c](s m + d u − top, s n + d v − left), over the channels of o's
    group."""
    top, left, bottom, right = layer.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    reach = [(taps - 1) * step + 1 for taps, step in zip(layer.kernel, layer.dilation)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(2, 3))
    windows = windows[:, :, :: layer.stride[0], :: layer.stride[1], :: layer.dilation[0], :: layer.dilation[1]]
    if layer.method == "ecp":
        windows = _mode_pixels(windows, mode)
    groups = zip(np.split(windows, layer.groups, axis=1), np.split(own["weight"], layer.groups))
    y = np.concatenate([np.einsum("ncmuij,ocij->nomu", group, weight, optimize=True) for group, weight in groups], axis=1)
    return y + own["bias"].reshape(1, -1, 1, 1) if "bias" in own else y


def _mode_pixels(maps, mode):
    """Pixel K of each 2×2 window; a last odd row or column has no window."""
    height, width = (extent // 2 * 2 for extent in maps.shape[2:4])
    return maps[:, :, mode // 2 : height : 2, mode % 2 : width : 2]


def _pooling(layer, x, own, mode):
    if layer.method == "random":
        return _mode_pixels(x, mode)
    if layer.method == "overlapped-max":  # 3×3 windows, cut by the border
        _, height, width = layer.outputs
        padded = np.pad(x, ((0, 0), (0, 0), (0, 2), (0, 2)), constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        return windows[:, :, : 2 * height : 2, : 2 * width : 2].max(axis=(-2, -1))
    pixels = np.stack([_mode_pixels(x, k) for k in range(4)])
    return pixels.max(axis=0) if layer.method == "max" else pixels.mean(axis=0, dtype=x.dtype)


def _norm(layer, x, own, mode):
    factor = own["scale"] / np.sqrt(own["running_variance"] + x.dtype.type(BATCH_NORM_EPSILON))
    offset = own["shift"] - own["running_mean"] * factor
    return x * factor.reshape(1, -1, 1, 1) + offset.reshape(1, -1, 1, 1)


def _dense(layer, x, own, mode):
    y = x.reshape(len(x), -1) @ own["weight"].T
    return (y + own["bias"] if "bias" in own else y).reshape(len(x), -1, 1, 1)


def _relu(layer, x, own, mode):
    return np.maximum(x, 0)


FORWARD = {"convolution": _convolution, "pooling": _pooling, "norm": _norm, "dense": _dense, "relu": _relu}
