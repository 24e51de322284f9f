"""fftconv.open: what a file is and what it holds, as a person works with it."""

from collections.abc import Mapping

import numpy as np

from . import hdf5
from .architecture import parse
from .errors import FileError

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib


def open_file(path):
    """Opens a checkpoint, mask, result or collection. The file stays open until it is closed or forgotten; one that is
    replaced meanwhile is still read as it was. Raises FileError."""
    file = hdf5.open_for_reading(path)
    kind = hdf5.attribute(file, "kind", path)
    if kind not in KINDS:
        raise FileError(path, "/ @kind", " or ".join(KINDS), repr(kind))
    return KINDS[kind](file, path)


class Record:
    """What every file, and every experiment of a collection, says of itself."""

    def __init__(self, group, path):
        self._group, self.path = group, str(path)
        for name in ("kind", "schema_version", "library_version", "git_commit", "created_utc"):
            setattr(self, name, hdf5.attribute(group, name, path))
        self.git_dirty = bool(hdf5.attribute(group, "git_dirty", path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._group.file.close()

    def _child(self, name):
        if not self._group:
            raise ValueError(f"{self.path}: the file was closed")
        return hdf5.child(self._group, name, self.path)

    def _read(self, name):
        return hdf5.read(self._child(name), self.path)

    @property
    def config_text(self):
        """The whole configuration of the run as TOML, defaults included."""
        return self._read("config/resolved_toml")

    @property
    def config(self):
        """The same as a dict."""
        return tomllib.loads(self.config_text)

    @property
    def dataset(self):
        """The data that the run saw: name, sha256, split_seed, n_train, n_validation, n_test."""
        group = self._child("dataset")
        return _attributes(group, self.path)

    @property
    def curves(self):
        """A training's value per epoch, by method: xarray.Dataset over `epoch` with units, or a dict of arrays where
        xarray is not installed."""
        found = {}
        if hdf5.has(self._group, "curves"):
            _find_curves(self._child("curves"), self.path, "", found)
        return found

    @property
    def tables(self):
        """The tables by name, as pandas.DataFrame (units in .attrs["units"], title in .attrs["title"]), or as dicts of
        arrays where pandas is not installed."""
        if not hdf5.has(self._group, "summary"):
            return {}
        summary = self._child("summary")
        return {name: _table(hdf5.child(summary, name, self.path), self.path) for name in summary}

    def __repr__(self):
        return f"<fftconv {self.kind} {self.path}: {self._summary()}>"

    def _summary(self):
        return f"{self.dataset['name']}; tables {', '.join(self.tables) or 'none'}; curves {', '.join(self.curves) or 'none'}"


class Checkpoint(Record):
    """A network and what its training needs."""

    @property
    def architecture(self):
        return hdf5.attribute(self._child("model"), "architecture", self.path)

    @property
    def layer_names(self):
        return hdf5.attribute(self._child("model"), "layer_names", self.path)

    @property
    def layers(self):
        """The layers of the architecture, with the shapes of their arrays."""
        return parse(self.architecture)

    @property
    def arrays(self):
        """The model's arrays by the library's names ("conv1/weight", "norm1/running_mean"), checked against the
        architecture: float32."""
        expected = {f"{layer.name}/{name}": shape for layer in self.layers for name, shape in layer.arrays.items()}
        model = self._child("model")
        return {name: hdf5.read_finite(hdf5.child(model, name, self.path), self.path, shape)
                for name, shape in expected.items()}

    @property
    def masks(self):
        return _masks(self._group, self.path)

    @property
    def state(self):
        """Epochs and steps completed, best results."""
        group = self._child("state")
        return _attributes(group, self.path)

    @property
    def mode(self):
        """K of random and ecp poolings that the file says, or 0."""
        mode = self.state.get("evaluation_mode", 0)
        if mode not in (0, 1, 2, 3):
            raise FileError(self.path, "/state @evaluation_mode", "0, 1, 2 or 3", mode)
        return int(mode)

    @property
    def preprocessing(self):
        """What is done to pixels 0 to 1 before the first layer: contrast (s, b), mean (C, H, W), whitening; or {}."""
        if not hdf5.has(self._group, "extra/preprocessing"):
            return {}
        group = self._child("extra/preprocessing")
        return {name: hdf5.read_finite(node, self.path) for name, node in hdf5.arrays_below(group, self.path)}

    def _summary(self):
        pruned = ", ".join(self.masks)
        return (f"{self.architecture} after {self.state['epoch']} epochs on {self.dataset['name'] or 'no named data'}"
                + (f"; masks of {pruned}" if pruned else ""))


class MaskFile(Record):
    """What a search pruned."""

    @property
    def masks(self):
        return _masks(self._group, self.path)

    @property
    def search(self):
        """How the mask was found: criterion, granularity, ratio, selected; and the candidates' seed and validation_mcr."""
        group = self._child("search")
        found = _attributes(group, self.path)
        found.update({name: self._read(f"search/{name}") for name in ("seed", "validation_mcr")})
        return found

    @property
    def checkpoint_sha256(self):
        """Of the checkpoint that was pruned, or empty."""
        return hdf5.attribute(self._child("parent"), "checkpoint_sha256", self.path) if "parent" in self._group else ""

    def which(self):
        """Which mask won and why, in one sentence."""
        search = self.search
        share = f"{search['granularity']}s, {100 * search['ratio']:g} % requested"
        if not len(search["seed"]):
            return f"{search['criterion']}: {share}; chosen by score, without candidates"
        scores, chosen = search["validation_mcr"], search["selected"]
        place = int(np.sum(scores < scores[chosen])) + 1
        rank = "the lowest" if place == 1 else f"number {place} by validation MCR"
        others = np.delete(scores, chosen)
        rest = f", {rank}; the others {np.min(others):.2f} to {np.max(others):.2f} %" if len(others) else ", the only one"
        return (f"{search['criterion']}: candidate {chosen} of {len(scores)} (seed {search['seed'][chosen]}), validation MCR "
                f"{scores[chosen]:.2f} %{rest}; {share}")

    def _summary(self):
        return self.which()


class Result(Record):
    """Tables and curves of a run."""


class Collection(Mapping):
    """Several results in one file, by name ("figure_3b/kernels")."""

    def __init__(self, group, path):
        self.path, self.kind = str(path), "collection"
        self._file, self._found = group, {}
        self._find(group, "")

    def _find(self, group, prefix):
        for name in group:
            node = hdf5.child(group, name, self.path)
            if "kind" in node.attrs:
                hdf5.check_header(node, self.path)
                self._found[prefix + name] = Result(node, self.path)
            elif hasattr(node, "keys"):
                self._find(node, f"{prefix}{name}/")

    def __getitem__(self, name):
        return self._found[name]

    def __iter__(self):
        return iter(self._found)

    def __len__(self):
        return len(self._found)

    def close(self):
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<fftconv collection {self.path}: {', '.join(self)}>"


KINDS = {"checkpoint": Checkpoint, "mask": MaskFile, "result": Result, "collection": Collection}


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _attributes(group, path):
    return {name: _plain(hdf5.attribute(group, name, path)) for name in group.attrs if name != "members"}


def _units(dataset):
    return hdf5.text(dataset.attrs["units"]) if "units" in dataset.attrs else ""


def _table(group, path):
    columns, units, rows = {}, {}, None
    for name in hdf5.attribute(group, "columns", path):
        dataset = hdf5.child(group, name, path)
        columns[name] = hdf5.read(dataset, path, rows and (rows,))
        units[name], rows = _units(dataset), len(columns[name])
    title = hdf5.attribute(group, "title", path)
    try:
        import pandas
    except ImportError:
        return columns
    table = pandas.DataFrame(columns)
    table.attrs.update(title=title, units=units)
    return table


def _find_curves(group, path, prefix, found):
    """A group with epochs is a curve; a method's name may be a path."""
    for name in group:
        node = hdf5.child(group, name, path)
        if not hasattr(node, "keys"):
            continue
        if "epoch" in node:
            found[prefix + name] = _curve(node, path)
        _find_curves(node, path, f"{prefix}{name}/", found)


def _curve(group, path):
    datasets = {name: node for name, node in group.items() if not hasattr(node, "keys")}
    epochs = hdf5.read(datasets.pop("epoch"), path)
    series = {name: hdf5.read(node, path, epochs.shape) for name, node in datasets.items()}
    try:
        import xarray
    except ImportError:
        return {"epoch": epochs, **series}
    data = {name: ("epoch", values, {"units": _units(datasets[name])}) for name, values in series.items()}
    return xarray.Dataset(data, coords={"epoch": ("epoch", epochs, {"units": "epoch"})})


def _masks(group, path):
    """{layer: {granularity: array of bool}}, True = kept."""
    found = {}
    if "mask" not in group:
        return found
    for name, dataset in hdf5.arrays_below(hdf5.child(group, "mask", path), path):
        layer, _, granularity = name.rpartition("/")
        if dataset.dtype.kind not in "iub":
            raise FileError(path, dataset.name, "bytes", dataset.dtype)
        values = hdf5.read(dataset, path)
        if not np.isin(values, (0, 1)).all():
            raise FileError(path, dataset.name, "0 (pruned) or 1 (surviving)", values[~np.isin(values, (0, 1))][0])
        if "kept" in dataset.attrs and dataset.attrs["kept"] != values.sum():
            raise FileError(path, f"{dataset.name} @kept", f"the {values.sum()} that survive", dataset.attrs["kept"])
        found.setdefault(layer, {})[granularity] = values.astype(bool)
    return found
