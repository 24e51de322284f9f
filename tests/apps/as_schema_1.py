#!/usr/bin/env python3
"""as_schema_1.py IN OUT [OLD NEW]: a checkpoint as fftconv 0.1 wrote it: schema 1.0, no digests, no options that it had not.
With OLD and NEW its configuration is changed besides."""

import shutil
import sys

import h5py
import numpy as np

LATER = ("app", "flip-vertical", "init", "plans", "repeat", "shards")

source, out, *change = sys.argv[1:]
shutil.copy(source, out)
with h5py.File(out, "r+") as file:
    nodes = [file]
    file.visititems(lambda name, node: nodes.append(node))
    for node in nodes:
        for name in ("sha256", "members"):
            if name in node.attrs and node.name != "/dataset":
                del node.attrs[name]
    file.attrs["schema_version"] = np.bytes_("1.0")
    lines = file["config/resolved_toml"][()].decode().splitlines(keepends=True)
    text = "".join(line for line in lines if line.split(" ")[0] not in LATER)
    if change:
        assert change[0] in text, text
        text = text.replace(change[0], change[1])
    del file["config/resolved_toml"]
    file["config/resolved_toml"] = np.bytes_(text)
