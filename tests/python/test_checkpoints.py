"""Checkpoints written and read in Python: the apps and plain NumPy agree on them."""

import unittest

import h5py
import numpy as np

from support import SMALL, Case, accuracy_and_loss, printed_accuracy_and_loss, random_state, run, write_mnist

import fftconv
import fftconv.hdf5

try:
    import torch
except ImportError:
    torch = None

ARCHITECTURES = [
    SMALL,
    "1x28x28:4C5v-P2(average)-6C3p1-P2(random)-10Softmax",
    "1x28x28:4C5v+BN-P2(random)-6C3-P2(ecp)-12FC-10Softmax",
    "1x28x28:2x3C3-MP2-5C4p2-MP2-10Softmax",
]


class RoundTrip(Case):
    def test_names_and_bits_are_kept(self):
        state = random_state(SMALL)
        fftconv.save_checkpoint(self.folder / "n.h5", SMALL, state)
        found = fftconv.state_dict(self.folder / "n.h5")
        self.assertEqual(list(found), ["conv1.weight", "conv1.bias", "conv2.weight", "norm1.weight", "norm1.bias",
                                       "norm1.running_mean", "norm1.running_var", "dense1.weight", "norm2.weight",
                                       "norm2.bias", "norm2.running_mean", "norm2.running_var", "dense2.weight", "dense2.bias"])
        self.assertArraysEqual({name: found[name] for name in ("conv1.weight", "norm2.running_var")},
                               {"conv1.weight": state["conv1/weight"], "norm2.running_var": state["norm2/running_variance"]})

    def test_the_data_is_recorded(self):
        fftconv.save_checkpoint(self.folder / "a.h5", SMALL, random_state(SMALL), dataset="mnist")
        record = fftconv.open(self.folder / "a.h5").dataset
        self.assertEqual((record["name"], record["sha256"][:8], record["n_train"]), ("MNIST", "ac89dbc2", 0))
        own = dict(name="Mine", sha256="b" * 64, split_seed=2**64 - 1, n_train=5, n_validation=2, n_test=3)
        fftconv.save_checkpoint(self.folder / "b.h5", SMALL, random_state(SMALL), dataset=own)
        self.assertEqual(fftconv.open(self.folder / "b.h5").dataset, own)
        with self.assertRaisesRegex(ValueError, "sha256"):
            fftconv.save_checkpoint(self.folder / "c.h5", SMALL, random_state(SMALL), dataset=dict(own, sha256="x"))

    def test_npz_both_ways(self):
        state = random_state(SMALL)
        fftconv.save_checkpoint(self.folder / "a.h5", SMALL, state)
        fftconv.save_npz(self.folder / "a.h5", self.folder / "a.npz")
        fftconv.save_checkpoint(self.folder / "b.h5", SMALL, self.folder / "a.npz")
        self.assertArraysEqual(fftconv.state_dict(self.folder / "b.h5"), fftconv.state_dict(self.folder / "a.h5"))

    def test_other_names_by_order(self):
        fftconv.save_checkpoint(self.folder / "a.h5", "1x8x8:2C3-10Softmax", random_state("1x8x8:2C3-10Softmax"))
        own = fftconv.state_dict(self.folder / "a.h5")
        names = ["features.0.weight", "features.0.bias", "head.weight", "head.bias"]
        foreign = fftconv.state_dict(self.folder / "a.h5", like=names)
        self.assertEqual(list(foreign), names)
        fftconv.save_checkpoint(self.folder / "b.h5", "1x8x8:2C3-10Softmax", foreign)
        self.assertArraysEqual(fftconv.state_dict(self.folder / "b.h5"), own)

    def test_what_does_not_fit_is_named_and_nothing_is_written(self):
        path = self.folder / "n.h5"
        state = random_state(SMALL)
        wrong = dict(state, **{"conv2/weight": np.zeros((6, 4, 5, 5), "f4")})
        with self.assertRaisesRegex(fftconv.ShapeError, r"conv2.weight: expected shape \(6, 4, 3, 3\)"):
            fftconv.save_checkpoint(path, SMALL, wrong)
        with self.assertRaisesRegex(fftconv.ShapeError, "finite"):
            fftconv.save_checkpoint(path, SMALL, dict(state, **{"conv1/bias": np.full(4, np.nan, "f4")}))
        with self.assertRaisesRegex(fftconv.ShapeError, "expected 6 modules"):
            fftconv.save_checkpoint(path, SMALL, {name: v for name, v in state.items() if "dense2" not in name})
        with self.assertRaisesRegex(fftconv.ShapeError, "kernel: expected shape"):
            fftconv.save_checkpoint(path, SMALL, state, masks={"conv2": {"kernel": np.ones((4, 6), bool)}})
        self.assertFalse(path.exists())
        path.write_text("mine")
        with self.assertRaises(FileExistsError):
            fftconv.save_checkpoint(path, SMALL, state)
        self.assertEqual(path.read_text(), "mine")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["n.h5"])

    def test_single_weights_are_pruned(self):
        architecture, random = "2x8x8:3C3-4C3-5Softmax", np.random.default_rng(4)
        masks = {"conv2": {"intra_kernel": random.random((4, 3, 3, 3)) > 0.4, "kernel": random.random((4, 3)) > 0.3}}
        state = random_state(architecture)
        fftconv.save_checkpoint(self.folder / "m.h5", architecture, state, masks=masks)
        zeroed = dict(state)
        zeroed["conv2/weight"] = state["conv2/weight"] * masks["conv2"]["intra_kernel"] * masks["conv2"]["kernel"][:, :, None, None]
        fftconv.save_checkpoint(self.folder / "z.h5", architecture, zeroed)
        self.assertArraysEqual(fftconv.state_dict(self.folder / "m.h5"), fftconv.state_dict(self.folder / "z.h5"))
        images = random.random((3, 2, 8, 8), np.float32)
        np.testing.assert_array_equal(fftconv.predict(self.folder / "m.h5", images), fftconv.predict(self.folder / "z.h5", images))

    def test_every_channel_has_a_mean_and_a_deviation(self):
        architecture, mean, deviation = "3x8x8:2C3-4Softmax", np.array([0.1, 0.5, 0.3]), np.array([0.5, 0.2, 0.7])
        fftconv.save_checkpoint(self.folder / "n.h5", architecture, random_state(architecture), normalise=(mean, deviation))
        fftconv.save_checkpoint(self.folder / "p.h5", architecture, random_state(architecture))
        images = np.random.default_rng(5).random((3, 3, 8, 8), np.float32)
        normalised = (images - mean[:, None, None]) / deviation[:, None, None]
        np.testing.assert_allclose(fftconv.predict(self.folder / "n.h5", images),
                                   fftconv.predict(self.folder / "p.h5", normalised), atol=2e-5)

    def test_layout_is_that_of_the_library(self):
        fftconv.save_checkpoint(self.folder / "n.h5", SMALL, random_state(SMALL), masks={"conv2": {"kernel": np.eye(6, 4) > 0}})
        with h5py.File(self.folder / "n.h5") as file:
            weight = file["model/conv1/weight"]
            self.assertEqual([axis.keys()[0] for axis in weight.dims], ["out", "in", "ky", "kx"])
            self.assertEqual((weight.shuffle, weight.compression, weight.fletcher32), (True, "gzip", True))
            self.assertEqual(file["mask/conv2/kernel"].attrs["kept"], 4)
            self.assertFalse(file.attrs.get_id("format").get_type().is_variable_str())


class Apps(Case):
    """fftconv-evaluate on what Python wrote, against plain NumPy."""

    def setUp(self):
        super().setUp()
        self.images, self.labels = write_mnist(self.folder / "data")

    def evaluated(self, path, *more):
        output = run("evaluate", path, "--overrule", "--dataset", "mnist", "--data", self.folder / "data", *more)
        return printed_accuracy_and_loss(output)

    def check(self, path, *more, **how):
        accuracy, loss = accuracy_and_loss(fftconv.predict(path, how.pop("images", self.images), **how), self.labels)
        found_accuracy, found_loss = self.evaluated(path, *more)
        self.assertAlmostEqual(found_accuracy, accuracy, delta=0.006)
        self.assertAlmostEqual(found_loss, loss, delta=2e-4)

    def test_every_layer_means_the_same(self):
        for number, architecture in enumerate(ARCHITECTURES):
            with self.subTest(architecture):
                path = self.folder / f"{number}.h5"
                fftconv.save_checkpoint(path, architecture, random_state(architecture, number))
                if "random" in architecture or "ecp" in architecture:
                    for mode in (0, 3):
                        self.check(path, "--mode", mode, mode=mode)
                else:
                    self.check(path)

    def test_the_mode_is_part_of_the_file(self):
        architecture, path = "1x28x28:4C5v-P2(ecp)-10Softmax", self.folder / "ecp.h5"
        fftconv.save_checkpoint(path, architecture, random_state(architecture), mode=2)
        self.assertEqual(fftconv.open(path).mode, 2)
        np.testing.assert_array_equal(fftconv.predict(path, self.images[:5]), fftconv.predict(path, self.images[:5], mode=2))
        self.assertFalse(np.array_equal(fftconv.predict(path, self.images[:5]), fftconv.predict(path, self.images[:5], mode=0)))
        self.check(path, "--mode", 2)
        with self.assertRaises(ValueError):
            fftconv.save_checkpoint(path, architecture, random_state(architecture), mode=4, overwrite=True)

    def test_a_trained_network(self):
        path = self.folder / "trained.h5"
        run("train", "--architecture", SMALL, "--data", self.folder / "data", "--dataset", "mnist", "--epochs", 2, "--batch", 20,
            "--out", path)
        self.check(path)
        fftconv.save_checkpoint(self.folder / "again.h5", SMALL, fftconv.state_dict(path))
        self.assertEqual(self.evaluated(self.folder / "again.h5"), self.evaluated(path))

    def test_masks_prune_wherever_the_file_is_read(self):
        random = np.random.default_rng(3)
        masks = {"conv2": {"feature_map": random.random(6) > 0.4, "kernel": random.random((6, 4)) > 0.5}}
        path = self.folder / "pruned.h5"
        fftconv.save_checkpoint(path, SMALL, random_state(SMALL, 5), masks=masks)
        self.check(path)

    def test_what_the_apps_refuse_is_not_written(self):
        """Architectures that are none, numbers that no network has; and altered files, whose digests are right, are not read."""
        path = self.folder / "none.h5"
        for architecture in ("1x9x1:2C1-P2-3C1p2-4Softmax", "1x28x28:4FC-2C3-4Softmax", "1x28x28:4FC-P2-4Softmax",
                             "1x28x28:2C3-4Softmax-5Softmax", "1x28x28:2C3d0-4Softmax", "1x28x28:2C3s0-4Softmax",
                             "1x28x28:2C3g0-4Softmax", "1x28x28:0x2C3-4Softmax", "1x28x28:0C3-4Softmax", "0x28x28:4Softmax"):
            with self.subTest(architecture), self.assertRaisesRegex(fftconv.ShapeError, "architecture: "):
                fftconv.save_checkpoint(path, architecture, {})
        state = random_state(SMALL)
        for more in (dict(normalise=(np.nan, 1)), dict(normalise=(0, 1e-45)), dict(masks={"conv2": {"kernel": np.full((6, 4), 0.5)}})):
            with self.subTest(str(more)), self.assertRaises(fftconv.ShapeError):
                fftconv.save_checkpoint(path, SMALL, state, **more)
        spoilt = {name: -values if name.endswith("running_variance") else values for name, values in state.items()}
        with self.assertRaisesRegex(fftconv.ShapeError, "variances of at least 0"):
            fftconv.save_checkpoint(path, SMALL, spoilt)
        self.assertFalse(path.exists())

    def test_altered_files_are_refused_as_the_apps_refuse_them(self):
        path = self.folder / "altered.h5"

        def mask(file, values):
            del file["mask/conv2/kernel"]
            fftconv.hdf5.write_array(file, "mask/conv2/kernel", values, ("out", "in"))

        def weights(file):
            values = file["model/conv1/weight"][()]
            values[0, 0, 0, 0] = np.nan
            file["model/conv1/weight"][...] = values
            file["model/conv1/weight"].attrs["sha256"] = fftconv.hdf5.digest(values)

        half = np.full((6, 4), 0.5, np.float32)
        cases = [("conv2/kernel: expected bytes", lambda file: mask(file, half)),
                 ("@kept", lambda file: file["mask/conv2/kernel"].attrs.modify("kept", np.int64(3))),
                 ("conv1/weight: expected finite", weights),
                 ("@evaluation_mode", lambda file: file["state"].attrs.modify("evaluation_mode", 7.0)),
                 ("@evaluation_mode", lambda file: file["state"].attrs.modify("evaluation_mode", 1.5))]
        for message, alter in cases:
            fftconv.save_checkpoint(path, SMALL, random_state(SMALL), masks={"conv2": {"kernel": np.ones((6, 4), bool)}}, mode=1,
                                    overwrite=True)
            with h5py.File(path, "r+") as file:
                alter(file)
            with self.subTest(message), self.assertRaisesRegex(fftconv.FileError, message):
                fftconv.predict(path, self.images[:1])

    def test_flipped_bits_are_a_file_error(self):
        path, flipped = self.folder / "whole.h5", self.folder / "flipped.h5"
        fftconv.save_checkpoint(path, SMALL, random_state(SMALL))
        whole, random, refused = path.read_bytes(), np.random.default_rng(1), 0
        expected = fftconv.state_dict(path)
        for _ in range(60):
            data = bytearray(whole)
            data[random.integers(len(data))] ^= 1 << random.integers(8)
            flipped.write_bytes(data)
            try:
                self.assertArraysEqual(fftconv.state_dict(flipped), expected)
            except (fftconv.FileError, fftconv.ShapeError):
                refused += 1
        self.assertGreater(refused, 20)

    def test_normalised_pixels(self):
        path = self.folder / "normalised.h5"
        fftconv.save_checkpoint(path, SMALL, random_state(SMALL, 6), normalise=(0.1307, 0.3081))
        plain = self.folder / "plain.h5"
        fftconv.save_checkpoint(plain, SMALL, random_state(SMALL, 6))
        normalised = ((self.images - 0.1307) / 0.3081).astype(np.float32)
        np.testing.assert_allclose(fftconv.predict(path, self.images), fftconv.predict(plain, normalised), atol=2e-5)
        self.check(path)


@unittest.skipUnless(torch, "needs python3-torch")
class PyTorch(Case):
    def network(self):
        from torch import nn

        return nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 6, 3, padding=1, bias=False),
                             nn.BatchNorm2d(6), nn.MaxPool2d(3, 2, ceil_mode=True), nn.ReLU(), nn.Flatten(),
                             nn.Linear(216, 12, bias=False), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 10))

    def test_a_state_dict_there_and_back(self):
        torch.manual_seed(1)
        network = self.network()
        network(torch.rand(64, 1, 28, 28))  # running statistics that are not 0 and 1
        network.eval()
        path = self.folder / "torch.h5"
        fftconv.save_checkpoint(path, SMALL, network.state_dict(), dataset="mnist")
        images = torch.rand(5, 1, 28, 28)
        expected = network(images).detach().numpy()
        np.testing.assert_allclose(fftconv.predict(path, images.numpy()), expected, atol=1e-5)
        other = self.network().eval()
        found = fftconv.state_dict(path, like=other.state_dict())
        missing = other.load_state_dict({name: torch.from_numpy(values) for name, values in found.items()}, strict=False)
        self.assertTrue(all("num_batches_tracked" in name for name in missing.missing_keys))
        np.testing.assert_array_equal(other(images).detach().numpy(), expected)


if __name__ == "__main__":
    unittest.main()
