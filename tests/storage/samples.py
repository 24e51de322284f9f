"""The records of samples.hpp in Python: writes them with h5py alone, or checks with h5py what fftconv wrote.

    samples.py check KIND FILE       the file holds the sample record, laid out as the README of storage says
    samples.py write KIND FILE       writes the sample record as a user of h5py would, and its digests
    samples.py write-old KIND FILE   the same as of version 1 of the schema, without digests
    samples.py write-chunked mask FILE   the same, its masks chunked, shuffled, deflated and checksummed
    samples.py spoil FILE FOLDER     writes spoilt copies of the sample checkpoint into FOLDER, and prints a line
                                     for each: name, field and found, divided by tabs
"""

import pathlib
import shutil
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "lib/fftconv/storage"))
import digests

TOML = '# résolu\nnetwork = "two-conv"\nepochs = 3\n'
LARGEST = 2**64 - 1
BEYOND_DOUBLE = 2**53 + 1


def counting(shape, first):
    return (np.arange(np.prod(shape, dtype=int)) / 8 + first).astype("f4").reshape(shape)


DATASET = {"name": "Fashion-MNIST", "sha256": "a" * 64, "split_seed": LARGEST,
           "n_train": 48000, "n_validation": 12000, "n_test": 10000}
MODEL = {"conv1/weight": counting((4, 1, 5, 5), -1), "conv1/bias": counting((4,), 2),
         "dense1/weight": counting((10, 48), -8), "dense1/bias": counting((10,), 0)}
OPTIMIZER = {"conv1/weight/first_moment": counting((4, 1, 5, 5), 0), "dense1/bias/second_moment": counting((10,), 1)}
EXTRA = {"preprocessing/mean": counting((2, 3, 4), 0), "preprocessing/epsilon": counting((), 0.125)}
MASK = {"conv1/feature_map": [1, 0, 1, 1],
        "conv2/kernel": [[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]],
        "conv2/intra_kernel": (np.arange(24) % 2).reshape(3, 4, 1, 2)}
CURVES = {"max": {"epoch": [1, 2, 3], "train_loss": [0.5, 0.25, 0.125], "validation_mcr": [12.5, 11, 10.5],
                  "test_mcr": [13, 12, 11.5], "train_seconds": [3, 3.25, 3.5], "test_seconds": [0.5, 0.5, 0.25]},
          "ecp/k=2": {"epoch": [1, 2], "train_loss": [0.75, 0.5]}}
UNITS = {"epoch": "epoch", "train_loss": "nat", "validation_mcr": "percent", "test_mcr": "percent",
         "train_seconds": "s", "test_seconds": "s"}
TABLES = {"table_4": ("Table 4: accuracy and time of each method",
                      [("method", "", ["max", "average", "ECP k = 0 → ½"]),
                       ("best_accuracy", "percent", [98.5, 98.25, 99]), ("remark", "", ["", "slow", ""])]),
          "figure_2a": ("Figure 2a", [("ratio", "1", [0.125, 0.25]), ("mcr", "percent", [2, 3])])}
SEEDS = [1, BEYOND_DOUBLE, LARGEST, 4]
SCORES = [20.5, 19, 18.25, 30]


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def equal(what, found, expected):
    if not np.array_equal(np.asarray(found), np.asarray(expected)):
        sys.exit(f"{what}: expected {expected}, found {found}")


def check_attributes(node, expected):
    for name, value in expected.items():
        found = node.attrs[name]
        if isinstance(value, str):
            equal(f"{node.name} @{name}", text(found), value)
            kind = node.attrs.get_id(name).get_type()
            equal(f"{node.name} @{name} is fixed-length UTF-8",
                  (kind.is_variable_str(), kind.get_cset()), (False, h5py.h5t.CSET_UTF8))
        else:
            equal(f"{node.name} @{name}", found, value)


def check_layout(name, node):
    """What every dataset must have: a digest, scales on every axis, and filters unless it is a scalar."""
    if not isinstance(node, h5py.Dataset):
        return
    equal(f"{node.name} @sha256", digests.stored(node), digests.digest(node[()]))
    if node.shape == ():
        return
    equal(f"{node.name} filters", (node.shuffle, node.compression, node.fletcher32), (True, "gzip", True))
    if h5py.h5ds.is_scale(node.id):
        return
    for axis, scales in enumerate(node.dims):
        equal(f"{node.name} scales of axis {axis}", len(scales), 1)
        equal(f"{node.name} length of the scale of axis {axis}", scales[0].shape, (node.shape[axis],))


def check_arrays(group, arrays, dtype):
    found = []
    group.visititems(lambda name, node: found.append(name)
                     if isinstance(node, h5py.Dataset) and not h5py.h5ds.is_scale(node.id) else None)
    equal(f"names in {group.name}", sorted(found), sorted(arrays))
    for name, expected in arrays.items():
        equal(f"{name} type", str(group[name].dtype), dtype)
        equal(name, group[name][()], expected)


def check_common(file, kind):
    check_attributes(file, {"format": "fftconv", "kind": kind, "schema_version": "2.1"})
    for name in ("library_version", "git_commit", "created_utc"):
        equal(f"@{name} is there", bool(text(file.attrs[name])), True)
    equal("@git_dirty is 0 or 1", file.attrs["git_dirty"] in (0, 1), True)
    equal("/config/resolved_toml", text(file["config/resolved_toml"][()]), TOML)
    check_attributes(file["dataset"], DATASET)
    file.visititems(check_layout)
    for group in digests.nodes_of(file, h5py.Group):
        equal(f"members of {group.name}", sorted(text(name) for name in group.attrs["members"]), sorted(group))


def check_mask(file):
    check_arrays(file["mask"], MASK, "uint8")
    for name, expected in MASK.items():
        check_attributes(file["mask"][name], {"kept": np.sum(expected), "total": np.size(expected)})
    equal("scales of a mask", [file["mask/conv2/kernel"].dims[i].keys()[0] for i in (0, 1)], ["out", "in"])


def check_curves(file):
    for method, series in CURVES.items():
        equal(f"series of {method}", sorted(file["curves"][method]), sorted(series))
        for name, expected in series.items():
            dataset = file["curves"][method][name]
            equal(name, dataset[()], expected)
            check_attributes(dataset, {"units": UNITS[name]})
            if name != "epoch":
                equal(f"scale of {name}", dataset.dims[0]["epoch"][()], series["epoch"])


def check_checkpoint(file):
    check_attributes(file["model"], {"architecture": "4C5-MP2-3C5-10Softmax"})
    equal("layer names", [text(s) for s in file["model"].attrs["layer_names"]],
          ["conv1", "pool1", "conv2", "dense1"])
    check_arrays(file["model"], MODEL, "float32")
    equal("scales of a weight", [axis.keys()[0] for axis in file["model/conv1/weight"].dims],
          ["out", "in", "ky", "kx"])
    check_mask(file)
    check_attributes(file["optimizer"], {"name": "adam"})
    check_arrays(file["optimizer"], OPTIMIZER, "float32")
    check_attributes(file["state"], {"epoch": 2, "step": 1920, "best_epoch": 2.0, "best_validation_mcr": 10.75})
    check_arrays(file["random"], {"shuffle": BEYOND_DOUBLE, "augment/flip": 0}, "uint64")
    equal("seeds", [file["random/shuffle"].attrs["seed"], file["random/augment/flip"].attrs["seed"]], [7, LARGEST])
    check_curves(file)
    check_arrays(file["extra"], EXTRA, "float32")


def check_mask_file(file):
    check_attributes(file["search"], {"criterion": "best-of-n", "granularity": "kernel", "ratio": 0.75, "selected": 2})
    equal("seeds", file["search/seed"][()], np.array(SEEDS, "u8"))
    equal("scores", file["search/validation_mcr"][()], SCORES)
    equal("candidates", file["search/validation_mcr"].dims[0]["candidate"][()], range(4))
    check_attributes(file["search/validation_mcr"], {"units": "percent"})
    check_mask(file)
    check_attributes(file["parent"], {"checkpoint_sha256": "b" * 64})


def check_result(file):
    check_curves(file)
    for name, (title, columns) in TABLES.items():
        group = file["summary"][name]
        check_attributes(group, {"title": title})
        equal("columns", [text(s) for s in group.attrs["columns"]], [column[0] for column in columns])
        for column, unit, values in columns:
            found = group[column][()]
            equal(column, [text(s) for s in found] if isinstance(values[0], str) else found, values)
            equal(f"unit of {column}", text(group[column].attrs.get("units", "")), unit)
            if column != columns[0][0]:
                equal(f"scale of {column}", group[column].dims[0].keys(), [columns[0][0]])


def write_attributes(node, attributes):
    for name, value in attributes.items():
        node.attrs[name] = np.uint64(value) if value == LARGEST else value


def write_common(file, kind, version):
    # A later minor version, with names that this library does not know; strings of variable length, no scales.
    write_attributes(file, {"format": "fftconv", "kind": kind, "schema_version": version, "library_version": "1.9.0",
                            "git_commit": "unknown", "git_dirty": 0, "created_utc": "2030-01-01T00:00:00Z",
                            "a_later_attribute": 1})
    file["a_later_group/x"] = [1, 2]
    file["config/resolved_toml"] = TOML
    write_attributes(file.create_group("dataset"), DATASET)


def write_arrays(group, arrays, dtype, **filters):
    for name, values in arrays.items():
        group.create_dataset(name, data=np.asarray(values, dtype=dtype), **filters)


def write_curves(file):
    for method, series in CURVES.items():
        for name, values in series.items():
            file[f"curves/{method}/{name}"] = np.asarray(values)  # whole epochs and seconds become integers


def write_checkpoint(file):
    write_attributes(file.create_group("model"),
                     {"architecture": "4C5-MP2-3C5-10Softmax", "layer_names": ["conv1", "pool1", "conv2", "dense1"]})
    write_arrays(file["model"], MODEL, "f8")  # numpy's default type
    write_arrays(file.create_group("mask"), MASK, "i8")
    write_arrays(file.create_group("optimizer"), OPTIMIZER, "f4")
    file["optimizer"].attrs["name"] = np.bytes_("adam")
    write_attributes(file.create_group("state"),
                     {"epoch": 2, "step": 1920, "best_epoch": 2, "best_validation_mcr": 10.75, "a_remark": "later"})
    for stream, seed, position in (("shuffle", 7, BEYOND_DOUBLE), ("augment/flip", LARGEST, 0)):
        file.create_dataset(f"random/{stream}", data=np.uint64(position)).attrs["seed"] = np.uint64(seed)
    write_curves(file)
    write_arrays(file.create_group("extra"), EXTRA, ">f4")


def write_mask_file(file):
    write_attributes(file.create_group("search"),
                     {"criterion": "best-of-n", "granularity": "kernel", "ratio": 0.75, "selected": 2})
    file["search/seed"] = np.array(SEEDS, "u8")
    file["search/validation_mcr"] = SCORES
    write_arrays(file.create_group("mask"), MASK, "u1")
    file.create_group("parent").attrs["checkpoint_sha256"] = "b" * 64


def write_result(file):
    write_curves(file)
    for name, (title, columns) in TABLES.items():
        group = file.create_group(f"summary/{name}")
        write_attributes(group, {"title": title, "columns": [column[0] for column in columns]})
        for column, unit, values in columns:
            group[column] = values
            if unit:
                group[column].attrs["units"] = unit


def replace(group, name, values):
    del group[name]
    group[name] = values


def outgrow(file):
    del file["model/conv1/bias"]
    file["model"]["conv1"].create_dataset("bias", shape=(2**40,), dtype="f4", chunks=(1024,))


def recreate(file, name, **arguments):
    if name in file:
        del file[name]
    file.create_dataset(name, **arguments)


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("sample.h5", "model/conv1/bias", shape=(4,))
    del file["model/conv1/bias"]
    file.create_virtual_dataset("model/conv1/bias", layout)


def other_file(file):
    recreate(file, "model/conv1/bias", shape=(4,), dtype="f4", external=[("/dev/zero", 0, 16)])


def one_chunk(file):
    recreate(file, "model/conv1/bias", shape=(4,), dtype="f4", chunks=(2,))
    file["model/conv1/bias"][:2] = 1


def same_bytes_other_extents(group):
    values, digest = group["mean"][()], group["mean"].attrs["sha256"]
    replace(group, "mean", values.reshape(4, 3, 2))
    group["mean"].attrs["sha256"] = digest


DEEP = "/model/" + "/".join("d" * 32)

# What is done to a copy of the sample checkpoint, the field that the error must name, and what it found.
SPOILT = {
    "no_format": (lambda f: f.attrs.__delitem__("format"), "/ @format", "none"),
    "other_format": (lambda f: f.attrs.__setitem__("format", "keras"), "/ @format", "'keras'"),
    "mask_kind": (lambda f: f.attrs.__setitem__("kind", "mask"), "/ @kind", "'mask'"),
    "numeric_kind": (lambda f: f.attrs.__setitem__("kind", 3), "/ @kind", "integers"),
    "two_kinds": (lambda f: f.attrs.__setitem__("kind", ["checkpoint", "mask"]), "/ @kind", "2"),
    "newer_schema": (lambda f: f.attrs.__setitem__("schema_version", "3.0"), "/ @schema_version", "3.0, written by"),
    "no_schema": (lambda f: f.attrs.__delitem__("schema_version"), "/ @schema_version", "none"),
    "odd_schema": (lambda f: f.attrs.__setitem__("schema_version", "new"), "/ @schema_version", "'new'"),
    "no_config": (lambda f: f.__delitem__("config"), "/config/resolved_toml", "nothing"),
    "no_dataset": (lambda f: f.__delitem__("dataset"), "/dataset", "nothing"),
    "no_count": (lambda f: f["dataset"].attrs.__delitem__("n_test"), "/dataset @n_test", "none"),
    "no_model": (lambda f: f.__delitem__("model"), "/model", "nothing"),
    "model_is_data": (lambda f: replace(f, "model", [1, 2]), "/model", ""),
    "text_weights": (lambda f: replace(f["model"], "conv1/weight", "heavy"), "/model/conv1/weight", "text"),
    "complex_weights": (lambda f: replace(f["model"], "conv1/weight", [1j]), "/model/conv1/weight", "another type"),
    "huge_weights": (lambda f: replace(f["model"], "conv1/bias", [1e300]), "/model/conv1/bias", ""),
    "too_many_weights": (outgrow, "/model/conv1/bias", "more"),
    "no_architecture": (lambda f: f["model"].attrs.__delitem__("architecture"), "/model @architecture", "none"),
    "no_optimizer_name": (lambda f: f["optimizer"].attrs.__delitem__("name"), "/optimizer @name", "none"),
    "no_state": (lambda f: f.__delitem__("state"), "/state", "nothing"),
    "text_epoch": (lambda f: f["state"].attrs.__setitem__("epoch", "two"), "/state @epoch", "text"),
    "fractional_epoch": (lambda f: f["state"].attrs.__setitem__("epoch", 2.5), "/state @epoch", "floating-point"),
    "mask_of_twos": (lambda f: f["mask/conv1/feature_map"].__setitem__(1, 2), "/mask/conv1/feature_map", "2"),
    "wide_mask": (lambda f: replace(f["mask"], "conv1/feature_map", [1, 300, 1]), "/mask/conv1/feature_map", ""),
    "flat_mask": (lambda f: replace(f["mask"], "conv2/kernel", [1] * 12), "/mask/conv2/kernel", "(12)"),
    "short_mask": (lambda f: replace(f["mask"], "conv2/intra_kernel", np.ones((3, 3, 1, 2), "u1")),
                   "/mask/conv2/intra_kernel", "(3, 3, 1, 2)"),
    "no_seed": (lambda f: f["random/shuffle"].attrs.__delitem__("seed"), "/random/shuffle @seed", "none"),
    "many_positions": (lambda f: replace(f["random/augment"], "flip", [1, 2]), "/random/augment/flip @seed", "none"),
    "negative_position": (lambda f: (f["random/shuffle"].attrs.get("seed"),
                                     replace(f, "random/shuffle", np.int64(-1)),
                                     f["random/shuffle"].attrs.__setitem__("seed", 7)), "/random/shuffle", ""),
    "short_curve": (lambda f: replace(f["curves/max"], "test_mcr", [1.0]), "/curves/max/test_mcr", "(1)"),
    "dangling_link": (lambda f: f["model/conv1"].__setitem__("momentum", h5py.SoftLink("/nowhere")),
                      "/model/conv1/momentum", "a soft link"),
    "soft_link": (lambda f: f["model"].__setitem__("twin", h5py.SoftLink("/model/conv1")), "/model/twin", "a soft link"),
    "external_link": (lambda f: replace(f["config"], "resolved_toml",
                                        h5py.ExternalLink("sample.h5", "/config/resolved_toml")),
                      "/config/resolved_toml", "a link to another file"),
    "external_group": (lambda f: replace(f, "model", h5py.ExternalLink("sample.h5", "/model")), "/model",
                       "a link to another file"),
    "cycle": (lambda f: f["extra"].__setitem__("loop", f["extra"]), "/extra/loop", "another name of /extra"),
    "cycle_to_the_root": (lambda f: f["model"].__setitem__("loop", f["/"]), "/model/loop", "another name of /"),
    "cycle_of_curves": (lambda f: f["curves/max"].__setitem__("loop", f["curves"]), "/curves/max/loop",
                        "another name of /curves"),
    "second_name": (lambda f: f["model"].__setitem__("conv2", f["model/conv1"]), "/model/conv2",
                    "another name of /model/conv1"),
    "deep": (lambda f: f["model"].create_group("/".join("d" * 40)), DEEP, "more"),
    "virtual": (virtual, "/model/conv1/bias", "a virtual dataset"),
    "other_file": (other_file, "/model/conv1/bias", "values in other files"),
    "unknown_filter": (lambda f: recreate(f, "model/conv1/bias", compression="lzf", data=np.ones(4, "f4")),
                       "/model/conv1/bias", "filter 32000"),
    "no_chunk": (lambda f: recreate(f, "model/conv1/bias", shape=(4,), dtype="f4", chunks=(2,)), "/model/conv1/bias",
                 "0"),
    "one_chunk": (one_chunk, "/model/conv1/bias", "1"),
    "no_values": (lambda f: recreate(f, "model/conv1/bias", shape=(4,), dtype="f4"), "/model/conv1/bias", "none"),
    "many_values": (lambda f: recreate(f, "extra/junk", shape=(2**31 - 1,), dtype="f4", chunks=(1024,)),
                    "/extra/junk", "0"),
    "nan_weights": (lambda f: f["model/conv1/bias"].__setitem__(2, np.nan), "/model/conv1/bias", "nan at 2"),
    "infinite_extra": (lambda f: f["extra/preprocessing/mean"].__setitem__((0, 0, 1), -np.inf),
                       "/extra/preprocessing/mean", "-inf at 1"),
    "nan_state": (lambda f: f["state"].attrs.__setitem__("best_validation_mcr", np.nan),
                  "/state @best_validation_mcr", "NaN"),
    "late_epoch": (lambda f: f["state"].attrs.__setitem__("epoch", 2**32 + 1), "/state @epoch @step", "4294967297"),
    "negative_step": (lambda f: f["state"].attrs.__setitem__("step", -1), "/state @epoch @step", "-1"),
    "negative_count": (lambda f: f["dataset"].attrs.__setitem__("n_train", -1), "/dataset @n_train", "-1"),
    "epochs_out_of_order": (lambda f: f["curves/max/epoch"].__setitem__(1, 3), "/curves/max/epoch", "3"),
    "nan_epoch": (lambda f: f["curves/max/epoch"].__setitem__(0, np.nan), "/curves/max/epoch", "nan"),
    "nan_loss": (lambda f: f["curves/max/train_loss"].__setitem__(0, np.nan), "/curves/max/train_loss", "nan at 0"),
    "kept_of_another_mask": (lambda f: f["mask/conv1/feature_map"].attrs.__setitem__("kept", 2),
                             "/mask/conv1/feature_map @kept", "2"),
    "total_of_another_mask": (lambda f: f["mask/conv1/feature_map"].attrs.__setitem__("total", 77),
                              "/mask/conv1/feature_map @total", "77"),
    "mask_of_unknown_units": (lambda f: f["mask/conv2"].move("kernel", "kernels"), "/mask/conv2/kernels", "kernels"),
}

# The same, but digests and lists of members stay those of before.
CHANGED = {
    "other_weights": (lambda f: f["model/conv1/weight"].__setitem__((0, 0, 0, 0), 0.5), "/model/conv1/weight", ""),
    "other_mask": (lambda f: f["mask/conv1/feature_map"].__setitem__(0, 0), "/mask/conv1/feature_map", ""),
    "other_config": (lambda f: f["config/resolved_toml"].__setitem__((), TOML.replace("3", "4").encode()),
                     "/config/resolved_toml", digests.digest(TOML.replace("3", "4"))),
    "other_position": (lambda f: f["random/shuffle"].__setitem__((), 1), "/random/shuffle", ""),
    "other_extents": (lambda f: same_bytes_other_extents(f["extra/preprocessing"]), "/extra/preprocessing/mean", ""),
    "mask_taken_out": (lambda f: f.__delitem__("mask"), "/mask", "nothing"),
    "mask_of_a_layer_taken_out": (lambda f: f["mask"].__delitem__("conv2"), "/mask/conv2", "nothing"),
    "one_mask_taken_out": (lambda f: f["mask/conv2"].__delitem__("kernel"), "/mask/conv2/kernel", "nothing"),
    "series_taken_out": (lambda f: f["curves/max"].__delitem__("test_mcr"), "/curves/max/test_mcr", "nothing"),
    "renamed": (lambda f: f.move("optimizer", "optimiser"), "/optimizer", "nothing"),
    "other_scale": (lambda f: f["model/conv1/out"].__setitem__(0, 7), "/model/conv1/out", ""),
    "no_members": (lambda f: f.attrs.__delitem__("members"), "/ @members", "none"),
    "no_digest": (lambda f: f["model/conv1/bias"].attrs.__delitem__("sha256"), "/model/conv1/bias @sha256", "none"),
}


def flip_byte_of_weights(path):
    """Damage that only a checksum shows."""
    with h5py.File(path) as file:
        place = file["model/conv1/weight"].id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as raw:
        raw.seek(place + 20)
        byte = raw.read(1)[0]
        raw.seek(place + 20)
        raw.write(bytes([byte ^ 1]))


def digest_anew(file):
    """So that only what is tested is wrong."""
    for group in digests.nodes_of(file, h5py.Group):
        digests.list_members(group)
    for dataset in digests.nodes_of(file, h5py.Dataset):
        if dataset.size and dataset.size < 2**20 and not dataset.is_virtual and dataset.dtype.kind != "c":
            dataset.attrs["sha256"] = np.bytes_(digests.digest(dataset[()]))


def spoil(source, folder):
    for name, (change, field, found) in (SPOILT | CHANGED).items():
        shutil.copy(source, f"{folder}/{name}.h5")
        with h5py.File(f"{folder}/{name}.h5", "r+") as file:
            change(file)
            if name in SPOILT:
                digest_anew(file)
        print(name, field, found, sep="\t")
    shutil.copy(source, f"{folder}/flipped.h5")
    flip_byte_of_weights(f"{folder}/flipped.h5")
    print("flipped", "/model/conv1/weight", "data error detected by Fletcher32 checksum", sep="\t")


CHECKS = {"checkpoint": check_checkpoint, "mask": check_mask_file, "result": check_result}
WRITERS = {"checkpoint": write_checkpoint, "mask": write_mask_file, "result": write_result}

if __name__ == "__main__":
    command, subject, path = sys.argv[1:]
    if command == "spoil":
        spoil(subject, path)
    elif command == "check":
        with h5py.File(path, "r") as sample:
            check_common(sample, subject)
            CHECKS[subject](sample)
    else:
        with h5py.File(path, "w") as sample:
            write_common(sample, subject, "2.7" if command == "write" else "1.7")
            WRITERS[subject](sample)
            if command == "write-chunked":
                del sample["mask"]
                write_arrays(sample.create_group("mask"), MASK, "u1", chunks=True, shuffle=True, compression="gzip",
                             fletcher32=True)
        if command == "write":
            digests.visit(path, True)
