"""How fftconv lays out HDF5 files (the schema of lib/fftconv/storage): reading with checks, writing in the same way."""

import contextlib
import datetime
import hashlib
import io
import os
import re
import tempfile

import h5py
import numpy as np

from .errors import FileError

SCHEMA_MAJOR, SCHEMA_MINOR = 2, 1
DIGESTS_SINCE, MEMBERS_SINCE = 2, (2, 1)  # files of an older schema have none
VERSION = "0.1.0"  # of this package, and the fftconv whose files it writes


# Reading


def text(value):
    """Text of HDF5, of fixed or variable length, as str."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def open_for_reading(path):
    """An open h5py.File of any kind that fftconv writes. Raises FileError."""
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileError(path, "opening", "a file", "a folder" if os.path.isdir(path) else "nothing of this name")
    try:
        file = h5py.File(path, "r", locking=False)  # files are replaced whole, so readers need no lock
    except OSError as error:
        raise FileError(path, "opening", "a whole HDF5 file", error) from error
    with damage_named(path, "/"):
        check_header(file, path)
        check_members(file, path, required=schema_of(file) >= MEMBERS_SINCE)
    return file


@contextlib.contextmanager
def damage_named(path, field):
    """What h5py raises where a file is damaged, as a FileError."""
    try:
        yield
    except FileError:
        raise
    except (OSError, RuntimeError, KeyError, UnicodeDecodeError) as error:
        raise FileError(path, field, "a whole HDF5 file", error) from error


def check_header(group, path):
    mark = text(group.attrs.get("format", ""))
    if mark != "fftconv":
        raise FileError(path, f"{group.name} @format", "the mark of an fftconv file, 'fftconv'", repr(mark))
    version = text(group.attrs.get("schema_version", ""))
    if not re.fullmatch(r"\d+\.\d+", version) or not 1 <= schema_of(group)[0] <= SCHEMA_MAJOR:
        raise FileError(path, f"{group.name} @schema_version", f"schema 1.x to {SCHEMA_MAJOR}.x", repr(version))


def schema_of(group):
    """(major, minor)"""
    return tuple(int(part) for part in text(group.attrs["schema_version"]).split("."))


def check_members(group, path, required):
    """Every group lists what it holds: what was taken away is missed."""
    if required or "members" in group.attrs:
        for name in attribute(group, "members", path):
            if name not in group:
                raise FileError(path, f"{group.name.rstrip('/')}/{name}", "what the group held when it was written",
                                "nothing")
    for name in group:
        if group.get(name, getlink=True).__class__ is h5py.HardLink and group.get(name, getclass=True) is h5py.Group:
            check_members(group[name], path, required)


def has(group, name):
    return name in group


def child(group, name, path):
    """What a path of plain links below a group leads to; links that leave the file are refused."""
    node = group
    for step in name.split("/"):
        field = f"{node.name.rstrip('/')}/{step}"
        with damage_named(path, field):
            if not isinstance(node, h5py.Group) or step not in node:
                raise FileError(path, field, "a group or dataset", "nothing")
            if not isinstance(node.get(step, getlink=True), h5py.HardLink):
                raise FileError(path, field, "a plain link", "one that leads elsewhere")
            node = node[step]
    return node


def is_scale(node):
    """Whether a dataset only labels an axis of others."""
    return isinstance(node, h5py.Dataset) and bool(h5py.h5ds.is_scale(node.id))


def arrays_below(group, path, prefix=""):
    """(name, dataset) of all below a group but the scales of axes, in the order of writing."""
    for name in group:
        node = child(group, name, path)
        if isinstance(node, h5py.Group):
            yield from arrays_below(node, path, f"{prefix}{name}/")
        elif not is_scale(node):
            yield prefix + name, node


def attribute(node, name, path):
    with damage_named(path, f"{node.name} @{name}"):
        if name not in node.attrs:
            raise FileError(path, f"{node.name} @{name}", "an attribute", "none")
        value = node.attrs[name]
        if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
            return [text(element) for element in value]
        return text(value) if isinstance(value, (bytes, str)) else value


def read(dataset, path, shape=None):
    """A dataset's values, text decoded. Raises FileError on another shape, before any memory is taken, and on damage."""
    if not isinstance(dataset, h5py.Dataset):
        raise FileError(path, dataset.name, "a dataset", "a group")
    if shape is not None and dataset.shape != tuple(shape):
        raise FileError(path, dataset.name, f"shape {tuple(shape)}", dataset.shape)
    if dataset.is_virtual or dataset.external:
        raise FileError(path, dataset.name, "values in this file", "values in another file")
    try:
        values = dataset[()]
    except (OSError, ValueError) as error:
        raise FileError(path, dataset.name, "a readable dataset", error) from error
    check_digest(dataset, values, path)
    if h5py.check_string_dtype(dataset.dtype):
        return text(values) if dataset.shape == () else np.array([text(value) for value in values], dtype=object)
    return values


def digest(values):
    """SHA-256 of the line "TYPE EXTENTS" and the values, as lib/fftconv/storage/README.md tells."""
    values = np.asarray(values)
    if values.dtype.kind in "OSU":
        kind = "text"
        texts = (value if isinstance(value, bytes) else str(value).encode() for value in values.ravel())
        data = b"".join(each.split(b"\0")[0] + b"\0" for each in texts)
    else:
        kind, data = values.dtype.name, values.astype(values.dtype.newbyteorder("<")).tobytes()
    line = f"{kind} {','.join(map(str, values.shape))}\n"
    return hashlib.sha256(line.encode() + data).hexdigest()


def check_digest(dataset, values, path):
    """Every dataset of a new file must have a digest; one that is there must be that of the values."""
    if schema_of(dataset.file)[0] < DIGESTS_SINCE and "sha256" not in dataset.attrs:
        return
    expected, found = attribute(dataset, "sha256", path), digest(values)
    if expected != found:
        raise FileError(path, dataset.name, f"values with the SHA-256 {expected}", found)


def read_numbers(dataset, path, dtype, shape=None):
    """The same for numbers that `dtype` can hold: text is refused, and float64 beyond float32."""
    if dataset.dtype.kind not in "iuf":
        raise FileError(path, dataset.name, "numbers", dataset.dtype)
    values = read(dataset, path, shape)
    with np.errstate(over="ignore"):
        converted = np.asarray(values, dtype)
    if not np.array_equal(np.isinf(converted), np.isinf(values)):
        raise FileError(path, dataset.name, f"numbers that {np.dtype(dtype)} holds", "larger ones")
    return converted


def read_finite(dataset, path, shape=None):
    """The same as float32, all of them finite: weights."""
    values = read_numbers(dataset, path, np.float32, shape)
    if not np.isfinite(values).all():
        raise FileError(path, dataset.name, "finite numbers", values[~np.isfinite(values)][0])
    return values


# Writing

CHUNK_BYTES = 1 << 20


def _chunks(shape, itemsize):
    chunk = list(shape)
    while np.prod(chunk, dtype=np.int64) * itemsize > CHUNK_BYTES and max(chunk) > 1:
        longest = chunk.index(max(chunk))
        chunk[longest] = (chunk[longest] + 1) // 2
    return tuple(chunk)


def _text_type(strings):
    return h5py.string_dtype("utf-8", max([1] + [len(string.encode()) for string in strings]))


def set_attribute(node, name, value):
    """Text of fixed length, and numbers as they are."""
    if isinstance(value, str):
        node.attrs.create(name, value.encode(), dtype=_text_type([value]))
    elif isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        node.attrs.create(name, np.array([each.encode() for each in value], dtype=_text_type(value)))
    else:
        node.attrs[name] = value


def write_text(group, name, value):
    dataset = group.create_dataset(name, data=value.encode(), dtype=_text_type([value]))
    set_attribute(dataset, "sha256", digest(value))


def write_labels(group, name, values):
    """A column of text."""
    dataset = group.create_dataset(name, data=np.array([each.encode() for each in values], dtype=_text_type(values)))
    set_attribute(dataset, "sha256", digest(values))


def write_array(group, name, values, axes, units=""):
    """A dataset with a scale on every axis; chunked, shuffled, deflated, with checksums (not scalars)."""
    values = np.asarray(values)
    folder, _, leaf = name.rpartition("/")
    if folder:
        group = group.require_group(folder)
    filters = {}
    if values.shape and values.size:
        filters = {"chunks": _chunks(values.shape, values.itemsize), "shuffle": True, "compression": "gzip",
                   "compression_opts": 1, "fletcher32": True}
    dataset = group.create_dataset(leaf, data=values, **filters)
    set_attribute(dataset, "sha256", digest(values))
    if units:
        set_attribute(dataset, "units", units)
    for axis, scale in enumerate(axes):
        if scale == leaf:
            dataset.make_scale(leaf)
        else:
            dataset.dims[axis].attach_scale(_scale(group, scale, values.shape[axis]))
    return dataset


def _scale(group, axis, length):
    for name in (axis, f"{axis}_{length}"):
        if name not in group:
            made = group.create_dataset(name, data=np.arange(length, dtype="<i4"), chunks=(max(length, 1),), shuffle=True,
                                        compression="gzip", compression_opts=1, fletcher32=True)
            set_attribute(made, "sha256", digest(made[()]))
            made.make_scale(name)
            return made
        if is_scale(group[name]) and group[name].shape == (length,):
            return group[name]
    raise ValueError(f"{group.name}/{axis}: something else of this name")


AXES = {4: ("out", "in", "ky", "kx"), 2: ("out", "in"), 1: ("out",)}


def axes_of(values):
    """The names of the axes of an array of a network."""
    rank = np.ndim(values)
    return AXES.get(rank) or tuple(f"axis_{i}" for i in range(rank))


def write_file(path, kind, fill, overwrite=False):
    """Builds a file in memory and puts it in its place whole: a kill or a full disk leaves nothing half-written."""
    path = os.fspath(path)
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(f"{path}: there is a file of this name; overwrite=True replaces it")
    image = io.BytesIO()
    with h5py.File(image, "w", libver=("v110", "v110"), track_order=True) as file:
        now = datetime.datetime.now(datetime.timezone.utc)
        for name, value in (("format", "fftconv"), ("kind", kind), ("schema_version", f"{SCHEMA_MAJOR}.{SCHEMA_MINOR}"),
                            ("library_version", VERSION), ("git_commit", "unknown"), ("git_dirty", np.uint8(0)),
                            ("created_utc", now.strftime("%Y-%m-%dT%H:%M:%SZ"))):
            set_attribute(file, name, value)
        fill(file)
        list_members(file)
    replace_file(path, image.getvalue())


def list_members(group):
    """Gives the group and those within it the list of what they hold."""
    set_attribute(group, "members", list(group))
    for node in group.values():
        if isinstance(node, h5py.Group):
            list_members(node)


def replace_file(path, data):
    """Writes a fresh temporary file next to it, flushed to the disk, and renames it; the mode of an old file is kept."""
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fchmod(out.fileno(), os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o666 & ~_umask())
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
