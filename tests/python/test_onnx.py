"""ONNX there and back; ONNX Runtime (npm: onnxruntime-node) agrees where it is installed."""

import shutil
import subprocess
import unittest
import unittest.mock

import numpy as np

from support import ROOT, SMALL, Case, random_state, run, write_mnist

import fftconv
import fftconv.checkpoint

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError:
    raise SystemExit("these tests need python3-onnx")

NODE = shutil.which("node")
HAS_RUNTIME = bool(NODE) and subprocess.run([NODE, "-e", "require('onnxruntime-node')"], capture_output=True).returncode == 0

ARCHITECTURES = [
    SMALL,
    "1x28x28:4C5v-P2(average)-6C3p1-P2(random)-10Softmax",
    "1x29x28:4C5v+BN-P2(random)-6C3-P2(ecp)-12FC-10Softmax",
    "1x28x29:5C5v-P2(ecp)-12FC-10Softmax",
    "4x20x18:2x8C5x3s2g4+BN-16C5d2dw-16C5s2x1d1x2-8C4p1x2x2x1-P2-8C3p2x1-7Softmax",
    "2x16x17:6C3p1x2x0x1s2-P2(ecp)-4C3d2-P2(random)-5Softmax",
    "3x21x20:2x3C3-MP2-5C4p2-MP2-P2-7FC+BN-10Softmax",
    "2x9x12:3C3p2x0x1x1-P2(ecp)-5Softmax",
]


def run_in_node(model, images, folder):
    images.astype("<f4").tofile(folder / "images.raw")
    subprocess.run([NODE, ROOT / "tests/python/run_onnx.js", model, folder / "images.raw", folder / "logits.raw",
                    *map(str, images.shape)], check=True, timeout=120)
    return np.fromfile(folder / "logits.raw", "<f4").reshape(len(images), -1)


def windows_of(x, size, strides, dilations=(1, 1)):
    """(…, rows, columns, taps down, taps across) of padded maps."""
    reach = [(taps - 1) * step + 1 for taps, step in zip(size, dilations)]
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    return windows[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def padded(x, pads, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])), constant_values=value)


def convolved(how, x, weight, bias=None):
    windows = windows_of(padded(x, how["pads"]), how["kernel_shape"], how["strides"], how["dilations"])
    groups = zip(np.split(windows, how["group"], axis=1), np.split(weight, how["group"]))
    y = np.concatenate([np.einsum("ncmuij,ocij->nomu", own, w) for own, w in groups], axis=1)
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def sliced(how, x, starts, ends, axes, steps):
    where = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps):
        where[axis] = slice(start, end, step)
    return x[tuple(where)]


def normalised(how, x, scale, shift, mean, variance):
    factor = scale / np.sqrt(variance + how["epsilon"])
    by_map = (1, -1) + (1,) * (x.ndim - 2)
    return x * factor.reshape(by_map) + (shift - mean * factor).reshape(by_map)


# What the operators of an exported graph are by ONNX's definition, in double precision.
OPERATORS = {
    "Conv": convolved,
    "Slice": sliced,
    "BatchNormalization": normalised,
    "MaxPool": lambda how, x: windows_of(padded(x, how.get("pads", [0] * 4), -np.inf), how["kernel_shape"], how["strides"]).max((-2, -1)),
    "AveragePool": lambda how, x: windows_of(x, how["kernel_shape"], how["strides"]).mean((-2, -1)),
    "Relu": lambda how, x: np.maximum(x, 0),
    "Flatten": lambda how, x: x.reshape(len(x), -1),
    "Reshape": lambda how, x, shape: x.reshape(shape),
    "Gemm": lambda how, x, weight, bias=0.0: x @ weight.T + bias,
    "MatMul": lambda how, x, y: x @ y,
    "ReduceMean": lambda how, x: x.mean(tuple(how["axes"]), keepdims=True),
    "Add": lambda how, x, y: x + y,
    "Sub": lambda how, x, y: x - y,
    "Mul": lambda how, x, y: x * y,
    "Div": lambda how, x, y: x / y,
    "Max": lambda how, x, y: np.maximum(x, y),
    "Sqrt": lambda how, x: np.sqrt(x),
}


def run_in_numpy(model, images):
    graph = onnx.load(str(model)).graph
    values = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    values = {name: value.astype(float) if value.dtype.kind == "f" else value for name, value in values.items()}
    values["images"] = images.astype(float)
    for node in graph.node:
        how = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        values[node.output[0]] = OPERATORS[node.op_type](how, *[values[name] for name in node.input])
    return values["logits"]


class Export(Case):
    def networks(self):
        """(checkpoint, shape of images, mode) of every kind of layer."""
        for number, architecture in enumerate(ARCHITECTURES):
            path = self.folder / f"{number}.h5"
            if not path.exists():
                fftconv.save_checkpoint(path, architecture, random_state(architecture, number))
            for mode in range(4) if "ecp" in architecture or "random" in architecture else (0,):
                yield path, fftconv.parse(architecture)[0].inputs, mode

    def agrees(self, evaluate):
        for path, maps, mode in self.networks():
            with self.subTest(path=path.name, mode=mode):
                model = self.folder / "network.onnx"
                fftconv.export_onnx(path, model, mode=mode, overwrite=True)
                images = np.random.default_rng(1).random((3, *maps), np.float32)
                expected = fftconv.predict(path, images, mode=mode)
                np.testing.assert_allclose(evaluate(model, images), expected, atol=1e-5 * max(1, np.abs(expected).max()))

    def test_the_operators_by_their_definitions_agree(self):
        self.agrees(run_in_numpy)

    def test_preprocessing_and_the_mode_of_the_file_are_part_of_the_graph(self):
        """Contrast with a bias that counts, on images of which one is flat; a mean, and a whitening that is no diagonal."""
        random = np.random.default_rng(7)
        architecture, maps = "2x9x8:3C3-P2(ecp)-4C3-P2(random)-5Softmax", (2, 9, 8)
        pixels = int(np.prod(maps))
        square = random.random((pixels, pixels), np.float32) / pixels
        contrast = {"preprocessing/contrast": np.float32([0.5, 0.02])}
        whitening = {"preprocessing/mean": random.random(maps, np.float32) / 4,
                     "preprocessing/whitening": square + square.T + np.eye(pixels, dtype=np.float32)}
        images = random.random((4, *maps), np.float32)
        images[1] = 0.25
        path, model = self.folder / "own.h5", self.folder / "own.onnx"
        for number, arrays in enumerate((contrast, whitening, {**contrast, **whitening})):
            with self.subTest(list(arrays)):
                with unittest.mock.patch.object(fftconv.checkpoint, "_normalisation", lambda how, maps: arrays):
                    fftconv.save_checkpoint(path, architecture, random_state(architecture), normalise=(0, 1), mode=number + 1,
                                            overwrite=True)
                x = images.reshape(4, -1).astype(float)
                if "preprocessing/contrast" in arrays:
                    x = x - x.mean(1, keepdims=True)
                    x = 0.5 * x / np.sqrt(0.02 + (x * x).mean(1, keepdims=True))
                if "preprocessing/whitening" in arrays:
                    x = (x - whitening["preprocessing/mean"].ravel()) @ whitening["preprocessing/whitening"].T.astype(float)
                plain = self.folder / "plain.h5"
                fftconv.save_checkpoint(plain, architecture, random_state(architecture), mode=number + 1, overwrite=True)
                expected = fftconv.predict(plain, x.reshape(images.shape), mode=number + 1, dtype=float)
                fftconv.export_onnx(path, model, overwrite=True)
                for found in (run_in_numpy(model, images), fftconv.predict(path, images)):
                    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
                other = run_in_numpy(model, images) - fftconv.predict(path, images, mode=0)
                self.assertGreater(np.abs(other).max(), 1e-2 * np.abs(expected).max())

    @unittest.skipUnless(HAS_RUNTIME, "needs onnxruntime-node")
    def test_onnx_runtime_agrees(self):
        self.agrees(lambda model, images: run_in_node(model, images, self.folder))

    def test_the_reference_evaluator_agrees(self):
        try:
            from onnx.reference import ReferenceEvaluator
        except ImportError:
            self.skipTest("needs onnx 1.13")
        self.agrees(lambda model, images: ReferenceEvaluator(str(model)).run(None, {"images": images})[0])

    def test_shapes_are_those_of_the_network(self):
        for path, maps, mode in self.networks():
            fftconv.export_onnx(path, self.folder / "network.onnx", mode=mode, overwrite=True)
            inferred = onnx.shape_inference.infer_shapes(onnx.load(str(self.folder / "network.onnx")), strict_mode=True)
            sizes = {each.name: [d.dim_value for d in each.type.tensor_type.shape.dim] for each in inferred.graph.value_info}
            with fftconv.open(path) as checkpoint:
                for layer in checkpoint.layers[:-1]:
                    self.assertEqual(np.prod(sizes[layer.name][1:]), np.prod(layer.outputs), (path.name, mode, layer))

    def test_another_k_is_refused(self):
        architecture = "2x9x8:3C3-P2(ecp)-5Softmax"
        fftconv.save_checkpoint(self.folder / "k.h5", architecture, random_state(architecture))
        for mode in (-1, 4, 0.5):
            for call in (lambda: fftconv.export_onnx(self.folder / "k.h5", self.folder / "k.onnx", mode=mode),
                         lambda: fftconv.predict(self.folder / "k.h5", np.zeros((1, 2, 9, 8)), mode=mode)):
                with self.assertRaisesRegex(ValueError, "mode: expected 0 to 3"):
                    call()
        self.assertFalse((self.folder / "k.onnx").exists())

    def test_an_existing_file_stays(self):
        path = next(self.networks())[0]
        (self.folder / "mine.onnx").write_text("mine")
        with self.assertRaises(FileExistsError):
            fftconv.export_onnx(path, self.folder / "mine.onnx")
        self.assertEqual((self.folder / "mine.onnx").read_text(), "mine")


class Import(Case):
    def test_there_and_back_keeps_every_bit(self):
        architecture = "1x28x28:4C5v-P2-6C3x5s2x1g2+BN-MP2-5C3d2-8C2p1x0x0x1-P2(average)-12FC+BN-11FC-10Softmax"
        fftconv.save_checkpoint(self.folder / "a.h5", architecture, random_state(architecture))
        fftconv.export_onnx(self.folder / "a.h5", self.folder / "a.onnx")
        self.assertEqual(fftconv.import_onnx(self.folder / "a.onnx", self.folder / "b.h5"), architecture)
        self.assertArraysEqual(fftconv.state_dict(self.folder / "b.h5"), fftconv.state_dict(self.folder / "a.h5"))

    def model(self, nodes, constants):
        """A graph of images (N, 1, 8, 8)."""
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, 8])],
                                  [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
                                  [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])
        path = self.folder / "g.onnx"
        onnx.save(helper.make_model(graph), str(path))
        return path

    def row(self, *kinds):
        """Nodes in a row: (kind, inputs, attributes)."""
        nodes, now = [], "x"
        for i, (kind, inputs, attributes) in enumerate(kinds):
            nodes.append(helper.make_node(kind, [now, *inputs], [f"y{i}"], name=f"node{i}", **attributes))
            now = f"y{i}"
        return nodes

    def constants(self, **more):
        random = np.random.default_rng(2)
        return {"w": random.random((2, 1, 3, 3), np.float32), "b": random.random(2, np.float32),
                "d": random.random((18, 4), np.float32), "e": random.random(4, np.float32), **more}

    def test_other_ways_of_writing_it(self):
        """Relu before the pooling, a bias before the normalisation, another ε, MatMul and Add, a Softmax at the end."""
        constants = self.constants(s=np.float32([1, 2]), t=np.float32([0.5, 0]), m=np.float32([0.1, 0.2]), v=np.float32([1, 3]))
        path = self.model(self.row(("Conv", ["w", "b"], {}), ("BatchNormalization", ["s", "t", "m", "v"], {"epsilon": 1e-3}),
                                   ("Relu", [], {}), ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
                                   ("Flatten", [], {}), ("MatMul", ["d"], {}), ("Add", ["e"], {}), ("Softmax", [], {"axis": 1})), constants)
        self.assertEqual(fftconv.import_onnx(path, self.folder / "g.h5"), "1x8x8:2C3v+BN-P2-4Softmax")
        x = np.random.default_rng(3).random((5, 1, 8, 8), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(x[:, 0].astype(float), (3, 3), axis=(1, 2))
        y = np.einsum("nmuij,oij->nomu", windows, constants["w"][:, 0]) + constants["b"].reshape(1, 2, 1, 1)
        y = (y - constants["m"].reshape(1, 2, 1, 1)) / np.sqrt(constants["v"] + 1e-3).reshape(1, 2, 1, 1)
        y = np.maximum(y * constants["s"].reshape(1, 2, 1, 1) + constants["t"].reshape(1, 2, 1, 1), 0)
        y = y.reshape(5, 2, 3, 2, 3, 2).max(axis=(3, 5)).reshape(5, 18) @ constants["d"] + constants["e"]
        np.testing.assert_allclose(fftconv.predict(self.folder / "g.h5", x), y, rtol=1e-5)

    def test_factors_of_gemm_and_a_bias_before_the_normalisation_of_a_dense_layer(self):
        random = np.random.default_rng(5)
        values = {"f": random.random((6, 64), np.float32), "g": random.random(6, np.float32), "h": random.random((6, 3), np.float32),
                  "k": random.random(3, np.float32), "s": random.random(6, np.float32), "t": random.random(6, np.float32),
                  "m": random.random(6, np.float32), "v": 1 + random.random(6, np.float32)}
        path = self.model(self.row(("Flatten", [], {}), ("Gemm", ["f", "g"], {"transB": 1, "alpha": 0.5, "beta": 3.0}),
                                   ("BatchNormalization", ["s", "t", "m", "v"], {"epsilon": 1e-5}), ("Relu", [], {}),
                                   ("Gemm", ["h", "k"], {"beta": 0.25})), values)
        self.assertEqual(fftconv.import_onnx(path, self.folder / "g.h5"), "1x8x8:6FC+BN-3Softmax")
        x = random.random((5, 1, 8, 8), np.float32)
        y = 0.5 * x.reshape(5, 64).astype(float) @ values["f"].T + 3 * values["g"]
        y = np.maximum((y - values["m"]) / np.sqrt(values["v"] + 1e-5) * values["s"] + values["t"], 0)
        np.testing.assert_allclose(fftconv.predict(self.folder / "g.h5", x), y @ values["h"] + 0.25 * values["k"], rtol=1e-4)

    def test_what_has_no_place_is_named(self):
        dense, conv = [("Flatten", [], {}), ("MatMul", ["d"], {})], ("Conv", ["w", "b"], {})
        square = [("Flatten", [], {}), ("MatMul", ["f"], {})]
        more = dict(f=np.eye(64, dtype=np.float32), column=np.ones((64, 1), np.float32), one_row=np.int64([1, -1]),
                    half=np.float32(0.5), yes=np.array(True), s=np.float32([1, 2]))

        def norm(name, value):
            return "BatchNormalization", ["s"] * 4, {name: value}

        def pool(kind, **how):
            return kind, [], {"kernel_shape": [2, 2], "strides": [2, 2], **how}

        cases = [
            ([("Conv", ["w", "b"], {"group": 2}), ("Relu", [], {}), *dense], "Conv node0: weight"),
            ([("Conv", ["w", "b"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}), ("Relu", [], {}), *dense], "Conv node0: auto_pad"),
            ([("Conv", ["w", "b"], {}), *dense], "expected a Relu"),
            ([("Conv", ["w", "b"], {}), ("Sigmoid", [], {}), *dense], "Sigmoid node1: no architecture string"),
            ([("Conv", ["w", "b"], {}), ("Relu", [], {}), ("GlobalAveragePool", [], {}), *dense], "GlobalAveragePool node2"),
            ([("Conv", ["w", "b"], {}), ("Relu", [], {}), ("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}), *dense],
             "AveragePool node2"),
            ([("Conv", ["w", "b"], {}), ("Relu", [], {})], "fully connected layer at the end"),
            ([("Conv", ["w", "b"], {"kernel_shape": [5, 5]}), ("Relu", [], {}), *dense], "Conv node0: kernel_shape"),
            ([("Conv", ["w", "b"], {"auto_pad": "VALID", "pads": [1, 1, 1, 1]}), ("Relu", [], {}), *dense], "Conv node0: pads"),
            ([("Conv", ["w", "b"], {"pads": [0, 0, -1, 0]}), ("Relu", [], {}), *dense], "Conv node0: pads"),
            ([conv, norm("training_mode", 1), ("Relu", [], {}), *dense], "BatchNormalization node1: training_mode"),
            ([conv, ("Relu", [], {}), pool("MaxPool", auto_pad="SAME_UPPER"), *dense], "MaxPool node2: auto_pad"),
            ([conv, pool("AveragePool", auto_pad="SAME_LOWER"), ("Relu", [], {}), *dense], "AveragePool node1: auto_pad"),
            ([conv, pool("AveragePool", dilations=[2, 2]), ("Relu", [], {}), *dense], "AveragePool node1: dilations"),
            ([("Relu", [], {"domain": "my.own"}), *dense], "Relu node0: no architecture string"),
            ([*square, ("Softmax", [], {}), ("Relu", [], {}), ("MatMul", ["f"], {})], "Relu node3: expected nothing behind the Softmax"),
            ([*square, ("Softmax", [], {"axis": 0})], "Softmax node2: axis"),
            ([*square, ("Add", ["column"], {})], r"Add node2: bias: expected shape \(64,\)"),
            ([("Flatten", [], {}), ("Gemm", ["f", "column"], {})], "Gemm node1: bias"),
            ([("Flatten", [], {}), ("Dropout", ["half", "yes"], {}), ("MatMul", ["f"], {})], "Dropout node1: training_mode"),
            ([("Reshape", ["one_row"], {}), ("MatMul", ["f"], {})], "Reshape node0"),
        ]
        for nodes, message in cases:
            with self.subTest(message), self.assertRaisesRegex(fftconv.OnnxError, message):
                fftconv.import_onnx(self.model(self.row(*nodes), self.constants(**more)), self.folder / "g.h5")
        self.assertFalse((self.folder / "g.h5").exists())

    def test_the_output_is_that_of_the_last_node(self):
        for outputs in (["y1"], ["y2", "y1"], []):
            path = self.model(self.row(("Flatten", [], {}), ("MatMul", ["f"], {}), ("Add", ["e"], {})),
                              self.constants(f=np.ones((64, 4), np.float32)))
            model = onnx.load(str(path))
            del model.graph.output[:]
            model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)
            onnx.save(model, str(path))
            with self.subTest(outputs), self.assertRaisesRegex(fftconv.OnnxError, r"expected one output, that of the last node \(y2\)"):
                fftconv.import_onnx(path, self.folder / "g.h5")

    def test_operands_have_their_places(self):
        """W x is not x W; a sum has no order; constants may be nodes, of numbers too."""
        flat = helper.make_node("Flatten", ["x"], ["y"])
        swapped = [flat, helper.make_node("MatMul", ["f", "y"], ["z"], name="swapped")]
        with self.assertRaisesRegex(fftconv.OnnxError, "MatMul swapped"):
            fftconv.import_onnx(self.model(swapped, {"f": np.eye(64, dtype=np.float32)}), self.folder / "g.h5")
        weight = np.random.default_rng(1).random((64, 4), np.float32)
        nodes = [flat, helper.make_node("MatMul", ["y", "w"], ["z"]), helper.make_node("Constant", [], ["c"], value_float=2.5),
                 helper.make_node("Add", ["c", "z"], ["out"])]
        fftconv.import_onnx(self.model(nodes, {"w": weight}), self.folder / "g.h5")
        x = np.random.default_rng(2).random((3, 1, 8, 8), np.float32)
        np.testing.assert_allclose(fftconv.predict(self.folder / "g.h5", x), x.reshape(3, 64) @ weight + 2.5, rtol=1e-5)

    def test_a_branch_is_named(self):
        nodes = self.row(("Conv", ["w", "b"], {}), ("Relu", [], {})) + [helper.make_node("Relu", ["x"], ["z"], name="branch")]
        with self.assertRaisesRegex(fftconv.OnnxError, "Relu branch: expected the output of the node before"):
            fftconv.import_onnx(self.model(nodes, self.constants()), self.folder / "g.h5")


@unittest.skipUnless(HAS_RUNTIME, "needs onnxruntime-node")
class Pruned(Case):
    def test_a_pruned_and_compacted_network_in_onnx_runtime(self):
        images, _ = write_mnist(self.folder / "data")
        out = self.folder / "pruned.h5"
        run("prune", "--data", self.folder / "data", "--train", "--architecture", "1x28x28:6C5v-P2-8C3-P2-20FC-10Softmax",
            "--epochs", 1, "--batch", 20, "--granularity", "feature-map", "--ratio", "0.5", "--candidates", 3,
            "--retrain-epochs", 1, "--timing-rounds", 1, "--validation", "0.2", "--compact", "--out", out)
        paths = [path for path in out.with_name("pruned.h5.points").glob("*.h5") if fftconv.open(path).kind == "checkpoint"]
        compact = [path for path in paths if "compact" in path.name]
        self.assertTrue(compact)
        for path in paths:
            with self.subTest(path.name):
                fftconv.export_onnx(path, self.folder / "network.onnx", overwrite=True)
                expected = fftconv.predict(path, images[:20])
                found = run_in_node(self.folder / "network.onnx", images[:20], self.folder)
                np.testing.assert_allclose(found, expected, atol=1e-5 * max(1, np.abs(expected).max()))
        with fftconv.open(compact[0]) as checkpoint:
            self.assertLess(checkpoint.layers[0].outputs[0], 6)


if __name__ == "__main__":
    unittest.main()
