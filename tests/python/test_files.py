"""fftconv.open on files that the apps wrote."""

import unittest

import h5py
import numpy as np

from support import ROOT, Case, run, write_mnist

import fftconv


def committed(name):
    """A committed result file, wherever below results/ it lies."""
    return next((ROOT / "results").rglob(name))


class CommittedResults(unittest.TestCase):
    def test_tables_are_pandas_with_units(self):
        with fftconv.open(committed("ecp-mnist.h5")) as result:
            table = result.tables["table_3"]
            self.assertEqual(result.kind, "result")
            self.assertEqual(result.dataset["name"], "MNIST")
            self.assertIsInstance(result.config, dict)
        self.assertEqual(table["method"][0], "two-conv, Max pooling")
        self.assertEqual(table.attrs["units"]["training_time"], "ms")
        self.assertIn("Table 3", table.attrs["title"])

    def test_curves_are_xarray_with_units(self):
        with fftconv.open(committed("ecp-mnist.h5")) as result:
            curve = result.curves["two-conv-max"]
        self.assertEqual(curve["epoch"].values.tolist(), list(range(1, 101)))
        self.assertEqual(curve["test_mcr"].attrs["units"], "percent")
        self.assertLess(float(curve["test_mcr"].sel(epoch=100)), 1)

    def test_collections_hold_their_experiments(self):
        with fftconv.open(committed("pruning-mnist.h5")) as collection:
            self.assertIn("figure_3b/kernels_1", collection)
            points = collection["figure_3b/kernels_1"].tables["points"]
        self.assertEqual(points["point"][0], "baseline")
        self.assertEqual(points.attrs["units"]["masked_time"], "ms")


class Files(Case):
    @classmethod
    def setUpClass(cls):
        import tempfile, pathlib

        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        folder = pathlib.Path(cls.shared.name)
        write_mnist(folder / "data")
        cls.out = folder / "pruned.h5"
        run("prune", "--data", folder / "data", "--train", "--architecture", "1x28x28:4C5v-P2-6C3-P2-10Softmax",
            "--epochs", 1, "--batch", 20, "--granularity", "kernel", "--ratio", "0.5", "--candidates", 5, "--retrain-epochs", 1,
            "--timing-rounds", 1, "--validation", "0.2", "--out", cls.out)
        cls.points = folder / "pruned.h5.points"

    def files_of_kind(self, kind):
        for path in sorted(self.points.rglob("*.h5")):
            with fftconv.open(path) as file:
                if file.kind == kind:
                    yield path

    def test_which_names_the_winner_and_why(self):
        path = next(self.files_of_kind("mask"))
        with fftconv.open(path) as mask:
            search, text = mask.search, mask.which()
        best = int(np.argmin(search["validation_mcr"]))
        self.assertEqual(search["validation_mcr"][search["selected"]], search["validation_mcr"][best])
        self.assertIn(f"candidate {search['selected']} of 5", text)
        self.assertIn("the lowest", text)

    def test_masks_are_arrays_and_what_they_prune_is_zero(self):
        path = [path for path in self.files_of_kind("checkpoint") if fftconv.open(path).masks][-1]
        with fftconv.open(path) as checkpoint:
            masks = checkpoint.masks
        state = fftconv.state_dict(path)
        pruned = 0
        for layer, of_layer in masks.items():
            for kept in of_layer.values():
                self.assertEqual(kept.dtype, bool)
                self.assertEqual(np.abs(state[f"{layer}.weight"][~kept]).max(initial=0), 0)
                pruned += (~kept).sum()
        self.assertGreater(pruned, 0)

    def test_damaged_and_foreign_files_are_refused(self):
        with self.assertRaisesRegex(fftconv.FileError, "nothing of this name"):
            fftconv.open(self.folder / "absent.h5")
        with h5py.File(self.folder / "other.h5", "w") as file:
            file["x"] = 1
        with self.assertRaisesRegex(fftconv.FileError, "@format"):
            fftconv.open(self.folder / "other.h5")
        (self.folder / "text.h5").write_text("no HDF5")
        with self.assertRaisesRegex(fftconv.FileError, "a whole HDF5 file"):
            fftconv.open(self.folder / "text.h5")

    def spoilt(self, change):
        import shutil

        path = self.folder / "spoilt.h5"
        shutil.copy(next(self.files_of_kind("checkpoint")), path)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    def test_spoilt_checkpoints_are_refused(self):
        def newer(file):
            file.attrs["schema_version"] = "9.0"

        def shorter(file):
            del file["model/dense1/bias"]
            file["model/dense1/bias"] = np.zeros(3, "f4")

        def linked(file):
            del file["model/dense1/bias"]
            file["model/dense1/bias"] = h5py.ExternalLink("other.h5", "/x")

        def changed(file):
            file["model/conv1/weight"][0, 0, 0, 0] += 1

        def changed_text(file):
            value = file["config/resolved_toml"]
            value[()] = value[()].replace(b"1", b"2", 1)

        def without_digest(file):
            del file["model/conv1/weight"].attrs["sha256"]

        for change, field in ((changed, "conv1/weight: expected values with the SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}"),
                              (without_digest, "conv1/weight @sha256: expected an attribute, found none")):
            with self.assertRaisesRegex(fftconv.FileError, field):
                fftconv.state_dict(self.spoilt(change))
        with self.assertRaisesRegex(fftconv.FileError, "resolved_toml: expected values with the SHA-256"):
            fftconv.open(self.spoilt(changed_text)).config

        for change, field in ((newer, "schema_version"), (shorter, "dense1/bias"), (linked, "dense1/bias")):
            with self.assertRaisesRegex(fftconv.FileError, field):
                fftconv.state_dict(self.spoilt(change))


if __name__ == "__main__":
    unittest.main()
