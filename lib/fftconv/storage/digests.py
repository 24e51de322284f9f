#!/usr/bin/env python3
"""Checks the digests of fftconv's HDF5 files (README.md next to this), or writes those that are missing.

    digests.py FILE...            prints a line for every dataset that has no digest, or another, and for what a group
                                  lists but does not hold; status 1 if any
    digests.py --write FILE...    gives a digest to every dataset that has none, and every group the list of what it
                                  holds now
"""

import hashlib
import sys

import h5py
import numpy as np


def digest(values):
    """Of an array, a number, a text or a list of texts: SHA-256 of the line "TYPE EXTENTS" and the values."""
    values = np.asarray(values)
    if values.dtype.kind in "OSU":
        kind = "text"
        texts = (v if isinstance(v, bytes) else str(v).encode() for v in values.ravel())
        data = b"".join(text.split(b"\0")[0] + b"\0" for text in texts)
    else:
        kind, data = values.dtype.name, values.astype(values.dtype.newbyteorder("<")).tobytes()
    line = f"{kind} {','.join(map(str, values.shape))}\n"
    return hashlib.sha256(line.encode() + data).hexdigest()


def stored(dataset):
    """The digest that a dataset carries, or none."""
    value = dataset.attrs.get("sha256", "none")
    return value.decode() if isinstance(value, bytes) else str(value)


def nodes_of(file, kind):
    found = [file] if kind is h5py.Group else []
    file.visititems(lambda _, node: found.append(node) if isinstance(node, kind) else None)
    return found


def missing(group):
    """What a group lists but does not hold."""
    return [name.decode() for name in group.attrs.get("members", []) if name.decode() not in group]


def list_members(group):
    names = [name.encode() for name in group]
    length = max([1] + [len(name) for name in names])
    group.attrs.create("members", np.array(names, dtype=h5py.string_dtype("utf-8", length)))


def visit(path, write):
    wrong = 0
    with h5py.File(path, "r+" if write else "r") as file:
        for group in nodes_of(file, h5py.Group):
            if write:
                list_members(group)
            for name in missing(group):
                print(f"{path}: {group.name.rstrip('/')}/{name}: expected what the group lists, found nothing")
                wrong += 1
        for dataset in nodes_of(file, h5py.Dataset):
            found, carried = digest(dataset[()]), stored(dataset)
            if write and carried == "none":
                dataset.attrs["sha256"] = np.bytes_(found)
            elif carried != found:
                print(f"{path}: {dataset.name}: expected {carried}, found {found}")
                wrong += 1
    return wrong


if __name__ == "__main__":
    files = [argument for argument in sys.argv[1:] if argument != "--write"]
    if not files:
        sys.exit(__doc__)
    sys.exit(1 if sum(visit(path, "--write" in sys.argv) for path in files) else 0)
