"""Checkpoints to and from PyTorch's state_dict and NumPy's .npz."""

import os
import re

import numpy as np

from . import hdf5
from .architecture import parse
from .errors import ShapeError
from .files import Checkpoint, open_file

# The library's names of a layer's arrays, and PyTorch's.
NAMES = {"weight": "weight", "bias": "bias", "scale": "weight", "shift": "bias", "running_mean": "running_mean",
         "running_variance": "running_var"}

DATASETS = {  # what files call them, with the digest of the publisher's files (datasets/README.md)
    "mnist": ("MNIST", "ac89dbc26b7b0b5f68ff586bc0579a0c16e78b3436b0c71ccdd0169cbebf9ff7"),
    "fashion-mnist": ("Fashion-MNIST", "7b0688d0999122d67a4eb2b95499a3bf7c5afbfaef15b7295b9f619d9e48a0bc"),
}


def state_dict(path, like=None):
    """The network of a checkpoint as PyTorch names it: {"conv1.weight": array, "norm1.running_mean": …}, float32,
    everything that a mask prunes at zero. With `like` (a state_dict or its keys) under those names instead, layer by
    layer in their order. torch.from_numpy makes tensors of them; no value changes on the way."""
    with open_checkpoint(path) as checkpoint:
        arrays = masked_arrays(checkpoint)
    own = {_torch_name(name): values for name, values in arrays.items()}
    return own if like is None else _renamed(own, list(like))


def save_npz(checkpoint, path):
    """The same arrays in an .npz file."""
    with open(path, "xb") as out:
        np.savez(out, **state_dict(checkpoint))


def save_checkpoint(path, architecture, state_dict, dataset="", normalise=None, masks=None, mode=None, config="",
                    overwrite=False):
    """Writes a checkpoint that the apps read, from PyTorch's state_dict, a dict of arrays, or the path of an .npz.

    architecture: the full form, "1x28x28:20C5v-P2-100FC-10Softmax".
    state_dict: its modules with weights in the architecture's order, whatever their names; convolutions (O, C, k, k),
        dense layers (out, in) over the C·H·W values of an image in that order (PyTorch's Flatten), batch normalisation
        as PyTorch's BatchNorm2d and BatchNorm1d with their default ε of 1e-5. num_batches_tracked is left out.
    dataset: what the network was trained on: a name ("mnist" and "fashion-mnist" are recorded with the publisher's
        digest), or a dict of name, sha256, split_seed, n_train, n_validation, n_test.
    normalise: (mean, deviation) that were applied to pixels of 0 to 1, numbers or one per channel, as of torchvision's
        Normalize. Without it the network takes pixels of 0 to 1.
    masks: {layer: {"kernel": array, …}}, True = surviving, as fftconv.open(…).masks gives.
    mode: K of random and ecp poolings that the network was trained with; without it the apps take any.

    Raises ShapeError when arrays and architecture do not fit, naming both; FileExistsError unless `overwrite`."""
    _check_mode(mode)
    layers = parse(architecture)
    arrays = _arrays_for(layers, _numpy(state_dict))
    _check_masks(masks or {}, arrays)

    def fill(file):
        hdf5.write_text(file, "config/resolved_toml", config or f"# written by the Python package\narchitecture = '{architecture}'\n")
        _write_dataset(file, dataset)
        model = file.create_group("model", track_order=True)
        hdf5.set_attribute(model, "architecture", architecture)
        hdf5.set_attribute(model, "layer_names", [layer.name for layer in layers])
        _write_arrays(model, arrays)
        _write_masks(file, masks or {})
        state = file.create_group("state")
        state.attrs["epoch"] = state.attrs["step"] = np.int64(0)
        if mode is not None:
            state.attrs["evaluation_mode"], state.attrs["mode_is_drawn"] = np.float64(mode), np.float64(0)
        file.create_group("random")
        if normalise is not None:
            _write_arrays(file.create_group("extra", track_order=True), _normalisation(normalise, layers[0].inputs))

    hdf5.write_file(path, "checkpoint", fill, overwrite)


def open_checkpoint(path):
    """An open Checkpoint of a path, or the one given. Raises FileError on a file of another kind."""
    if isinstance(path, Checkpoint):
        return _Borrowed(path)
    file = open_file(path)
    if file.kind != "checkpoint":
        file.close()
        raise hdf5.FileError(path, "/ @kind", "'checkpoint'", repr(file.kind))
    return file


def _check_mode(mode):
    if mode not in (None, 0, 1, 2, 3):
        raise ValueError(f"mode: expected 0 to 3, found {mode}")


def mode_of(checkpoint, mode):
    """K as asked for, or else the open checkpoint's own. Raises ValueError on another than 0 to 3."""
    _check_mode(mode)
    return checkpoint.mode if mode is None else int(mode)


class _Borrowed:
    """Leaves the closing to the owner."""

    def __init__(self, checkpoint):
        self.checkpoint = checkpoint

    def __enter__(self):
        return self.checkpoint

    def __exit__(self, *_):
        pass


def masked_arrays(checkpoint):
    """The arrays of an open checkpoint with everything that its masks prune at zero, the biases, scales and shifts of
    pruned maps included."""
    arrays = checkpoint.arrays
    layers = checkpoint.layers
    for layer, masks in checkpoint.masks.items():
        for granularity, kept in masks.items():
            weight = arrays[f"{layer}/weight"]
            _check_mask_shape(layer, granularity, kept, weight)
            weight *= kept.reshape(kept.shape + (1,) * (weight.ndim - kept.ndim))
        if "feature_map" in masks:
            for name in _of_maps(layers, layer):
                arrays[name] *= masks["feature_map"]
    return arrays


def _of_maps(layers, name):
    """The arrays with a value for each map behind a layer: its bias, or scale and shift of the norm behind it."""
    at = [layer.name for layer in layers].index(name)
    if "bias" in layers[at].arrays:
        return [f"{name}/bias"]
    norm = next(layer for layer in layers[at:] if layer.kind == "norm")
    return [f"{norm.name}/scale", f"{norm.name}/shift"]


def _check_mask_shape(layer, granularity, kept, weight):
    ranks = {"feature_map": 1, "kernel": 2, "intra_kernel": 4}
    expected = weight.shape[: ranks.get(granularity, 0)]
    if not expected or kept.shape != expected:
        raise ShapeError(f"mask of {layer}: {granularity}: expected shape {expected}, found {kept.shape}")


def _check_masks(masks, arrays):
    for layer, of_layer in masks.items():
        if f"{layer}/weight" not in arrays:
            raise ShapeError(f"mask of {layer}: the architecture has no layer with weights of this name")
        for granularity, kept in of_layer.items():
            if not np.isin(kept, (0, 1)).all():
                raise ShapeError(f"mask of {layer}: {granularity}: expected True or False, or 1 and 0")
            _check_mask_shape(layer, granularity, np.asarray(kept), arrays[f"{layer}/weight"])


def _torch_name(name):
    layer, array = name.split("/")
    return f"{layer}.{NAMES[array]}"


def _numpy(state):
    """{name: float32 array} of PyTorch's state_dict, a dict of arrays, or an .npz file."""
    if isinstance(state, (str, os.PathLike)):
        with np.load(state, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    return {name: value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
            for name, value in state.items()}


def _modules(state):
    """The arrays grouped by module, in their order: [(module, {array: values})], counters left out."""
    modules = {}
    for name, values in state.items():
        module, _, array = name.replace("/", ".").rpartition(".")
        if array != "num_batches_tracked":
            modules.setdefault(module, {})[array] = values
    return list(modules.items())


def _arrays_for(layers, state):
    """The architecture's arrays, taken from the modules of a state_dict: by name where all are the library's names, else
    in order."""
    wanted = [layer for layer in layers if layer.arrays]
    modules = _modules(state)
    by_name = dict(modules)
    if {layer.name for layer in wanted} == set(by_name):
        modules = [(layer.name, by_name[layer.name]) for layer in wanted]
    if len(modules) != len(wanted):
        raise ShapeError(f"state_dict: expected {len(wanted)} modules with weights ({', '.join(l.name for l in wanted)}), "
                         f"found {len(modules)} ({', '.join(name for name, _ in modules)})")
    arrays = {}
    for layer, (module, values) in zip(wanted, modules):
        own = {NAMES[name]: name for name in layer.arrays}
        if set(values) == set(layer.arrays):  # the library's own names
            own = {name: name for name in layer.arrays}
        if set(values) != set(own):
            raise ShapeError(f"state_dict: {module}: expected the arrays of {layer.name} ({', '.join(own)}), "
                             f"found {', '.join(values)}")
        for theirs, name in own.items():
            arrays[f"{layer.name}/{name}"] = _checked(values[theirs], layer.arrays[name], f"{module}.{theirs}", layer.name)
    return {f"{layer.name}/{name}": arrays[f"{layer.name}/{name}"] for layer in wanted for name in layer.arrays}


def _checked(values, shape, name, layer):
    if values.shape != shape:
        raise ShapeError(f"state_dict: {name}: expected shape {shape} for {layer}, found {values.shape}")
    if values.dtype.kind not in "fiu":
        raise ShapeError(f"state_dict: {name}: expected numbers, found {values.dtype}")
    with np.errstate(over="ignore"):
        converted = values.astype(np.float32)
    if not np.isfinite(converted).all():
        raise ShapeError(f"state_dict: {name}: expected finite numbers of float32, found others")
    if name.rpartition(".")[2] in ("running_var", "running_variance") and (converted < 0).any():
        raise ShapeError(f"state_dict: {name}: expected variances of at least 0, found {converted.min():g}")
    return converted


def _renamed(own, names):
    """The arrays under the names of another network's state_dict, module by module."""
    modules, foreign = _modules(own), _modules(dict.fromkeys(names))
    if len(modules) != len(foreign):
        raise ShapeError(f"like: expected {len(modules)} modules with weights ({', '.join(m for m, _ in modules)}), "
                         f"found {len(foreign)} ({', '.join(m for m, _ in foreign)})")
    renamed = {}
    for (module, values), (other, arrays) in zip(modules, foreign):
        if set(values) != set(arrays):
            raise ShapeError(f"like: {other}: expected the arrays of {module} ({', '.join(values)}), found {', '.join(arrays)}")
        renamed.update({f"{other}.{array}" if other else array: values[array] for array in arrays})
    return renamed


def _normalisation(normalise, maps):
    """x' = (x − mean) / deviation as the file knows it: a mean and a (diagonal) whitening matrix."""
    mean, deviation = (np.broadcast_to(np.asarray(value, np.float32).reshape(-1, 1, 1), maps) for value in normalise)
    with np.errstate(over="ignore", divide="ignore"):
        whitening = np.diag((1 / deviation.astype(np.float64)).astype(np.float32).ravel())
    if not (np.isfinite(mean).all() and np.isfinite(whitening).all() and (deviation > 0).all()):
        raise ShapeError("normalise: expected finite means, and deviations above 0 whose inverse float32 holds")
    return {"preprocessing/mean": mean.astype(np.float32), "preprocessing/whitening": whitening}


def _write_arrays(group, arrays):
    for name, values in arrays.items():
        hdf5.write_array(group, name, values.astype("<f4"), hdf5.axes_of(values))


def _write_masks(file, masks):
    for layer, of_layer in masks.items():
        for granularity, kept in of_layer.items():
            kept = np.asarray(kept).astype(bool).astype("u1")
            axes = ("out", "in", "ky", "kx")[: kept.ndim]
            dataset = hdf5.write_array(file, f"mask/{layer}/{granularity}", kept, axes)
            dataset.attrs["kept"], dataset.attrs["total"] = np.int64(kept.sum()), np.int64(kept.size)


def _write_dataset(file, dataset):
    record = dict(name="", sha256="", split_seed=0, n_train=0, n_validation=0, n_test=0)
    if isinstance(dataset, str):
        record["name"], record["sha256"] = DATASETS.get(dataset.lower(), (dataset, ""))
    else:
        unknown = set(dataset) - set(record)
        if unknown:
            raise ValueError(f"dataset: expected {', '.join(record)}, found {', '.join(sorted(unknown))}")
        record.update(dataset)
    if record["sha256"] and not re.fullmatch("[0-9a-f]{64}", record["sha256"]):
        raise ValueError(f"dataset: sha256: expected 64 hexadecimal digits, found {record['sha256']!r}")
    group = file.create_group("dataset")
    for name, value in record.items():
        number = np.uint64 if name == "split_seed" else np.int64
        hdf5.set_attribute(group, name, value if isinstance(value, str) else number(value))
