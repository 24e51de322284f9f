"""What the tests of the Python package share: made-up data, the built apps."""

import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
APPS = pathlib.Path(os.environ.get("FFTCONV_APPS", ROOT / "build/dev/apps"))
sys.path.insert(0, str(ROOT / "lib/python"))

SMALL = "1x28x28:4C5v-P2-6C3+BN-MP2-12FC+BN-10Softmax"


def run(app, *arguments, status=0):
    """Runs an app; its output. Fails unless it ends with this status."""
    command = [str(APPS / f"fftconv-{app}"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != status:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def write_idx(file, values):
    with open(file, "wb") as out:
        out.write(struct.pack(f">{values.ndim + 1}i", 0x0800 + values.ndim, *values.shape))
        out.write(values.tobytes())


def made_up_digits(count, seed):
    """Class d is a bright block at place d, with noise around it."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 120, (count, 28, 28), dtype=np.uint8)
    labels = random.integers(0, 10, count, dtype=np.uint8)
    for image, label in zip(images, labels):
        row, column = 3 + 12 * (label // 5), 2 + 5 * (label % 5)
        image[row : row + 16, column : column + 4] = 255
    return images, labels


def write_mnist(folder):
    """MNIST's files, made up. Returns the test images as (N, 1, 28, 28) of 0 to 1, and their labels."""
    folder = pathlib.Path(folder) / "mnist"
    folder.mkdir(parents=True)
    for prefix, count, seed in (("train", 300, 1), ("t10k", 120, 2)):
        images, labels = made_up_digits(count, seed)
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
    return images[:, None].astype(np.float32) / 255, labels


def random_state(architecture, seed=0):
    """Arrays of an architecture under the library's names, uniform, running variances above 0."""
    import fftconv

    random = np.random.default_rng(seed)
    state = {}
    for layer in fftconv.parse(architecture):
        for name, shape in layer.arrays.items():
            bound = np.sqrt(6 / max(np.prod(shape[1:], dtype=int), 6))
            low = 0.5 if name in ("running_variance", "scale") else -bound
            state[f"{layer.name}/{name}"] = random.uniform(low, 1.5 if low > 0 else bound, shape).astype(np.float32)
    return state


def accuracy_and_loss(logits, labels):
    """Percent and mean cross-entropy, in double precision."""
    logits = logits.astype(np.float64)
    logarithms = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)) - logits.max(1, keepdims=True)
    return 100 * np.mean(logits.argmax(1) == labels), -np.mean(logarithms[np.arange(len(labels)), labels])


def printed_accuracy_and_loss(output):
    """What fftconv-evaluate prints of the same."""
    found = re.search(r"accuracy ([\d.]+) %.*?cross-entropy ([\d.]+)", output, re.S)
    if not found:
        raise AssertionError(f"no accuracy in\n{output}")
    return float(found[1]), float(found[2])


class Case(unittest.TestCase):
    """With a folder for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assertArraysEqual(self, found, expected):
        self.assertEqual(sorted(found), sorted(expected))
        for name, values in expected.items():
            np.testing.assert_array_equal(np.asarray(found[name]), values, err_msg=name)
