#!/usr/bin/python3
"""Writes what fftconv-bench asks its rivals to do as an ONNX model: onnx_model.py FILE WORK, the work in the words of the
protocol (README.md of this folder). Needs python3-onnx; for networks, python3-h5py too."""
import pathlib
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from protocol import Work


def layer_model(work):
    """One Conv node, "images" to "logits", with the weights of the work's folder."""
    node = helper.make_node("Conv", ["images", "weights"], ["logits"], kernel_shape=work.numbers("kernel"),
                            pads=work.numbers("padding"), strides=work.numbers("stride"),
                            dilations=work.numbers("dilation"), group=int(work["groups"]))
    maps = [int(work[key]) for key in ("batch", "channels", "height", "width")]
    graph = helper.make_graph([node], "layer", [helper.make_tensor_value_info("images", TensorProto.FLOAT, maps)],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(work.weights(), "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = min(model.ir_version, 8)
    return model.SerializeToString()


def network_model(work):
    """With random weights, as the package exports a checkpoint."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib/python"))
    import fftconv

    random, state = np.random.default_rng(1), {}
    for layer in fftconv.parse(work["architecture"]):
        for name, shape in layer.arrays.items():
            values = random.uniform(-1, 1, shape) / np.sqrt(np.prod(shape[1:]))
            state[f"{layer.name}/{name}"] = np.abs(values) if name == "running_variance" else values
    with tempfile.TemporaryDirectory() as folder:
        fftconv.save_checkpoint(folder + "/network.h5", work["architecture"], state, mode=0)
        fftconv.export_onnx(folder + "/network.h5", folder + "/network.onnx")
        return pathlib.Path(folder + "/network.onnx").read_bytes()


work = Work(*sys.argv[2:])
pathlib.Path(sys.argv[1]).write_bytes(layer_model(work) if work.kind == "layer" else network_model(work))
