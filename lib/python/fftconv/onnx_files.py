"""Networks to and from ONNX (needs python3-onnx): what the architecture strings know, in a row; what they do not is named."""

import os

import numpy as np

from .architecture import BATCH_NORM_EPSILON, same_padding
from .checkpoint import masked_arrays, mode_of, open_checkpoint, save_checkpoint
from .errors import ShapeError
from .hdf5 import VERSION, replace_file

OPSET = 13


class OnnxError(ValueError):
    """An ONNX graph that no architecture string says: names node and reason."""


def export_onnx(checkpoint, file, mode=None, overwrite=False):
    """Writes the network of a checkpoint: input "images" (N, C, H, W), pixels of 0 to 1, output "logits" (N, classes).
    Preprocessing and batch statistics are part of the graph; what masks prune is zero, since ONNX has no convolution
    that leaves kernels out: a network made compact is smaller there too. `mode` is K of random and ecp poolings, without it
    the checkpoint's own.
    Raises FileExistsError unless `overwrite`, ValueError on another K than 0 to 3."""
    file = os.fspath(file)
    if not overwrite and os.path.lexists(file):
        raise FileExistsError(f"{file}: there is a file of this name; overwrite=True replaces it")
    with open_checkpoint(checkpoint) as source:
        graph = _Graph(source.layers, masked_arrays(source), source.preprocessing, mode_of(source, mode))
        model = graph.model(source.architecture, source.dataset["name"])
    replace_file(file, model.SerializeToString())


class _Graph:
    """Nodes in a row."""

    def __init__(self, layers, arrays, preprocessing, mode):
        self.layers, self.arrays, self.mode = layers, arrays, mode
        self.nodes, self.initializers, self.now = [], [], "images"
        self._preprocess(preprocessing, layers[0].inputs)
        for i, layer in enumerate(layers):
            output = "logits" if i + 1 == len(layers) else layer.name
            getattr(self, f"_{layer.kind}")(layer, output)

    def model(self, architecture, dataset):
        from onnx import TensorProto, checker, helper

        inputs = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", *self.layers[0].inputs])
        outputs = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", self.layers[-1].outputs[0]])
        graph = helper.make_graph(self.nodes, "fftconv", [inputs], [outputs], self.initializers)
        model = helper.make_model(graph, producer_name="fftconv", producer_version=VERSION,
                                  opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = min(model.ir_version, 8)
        helper.set_model_props(model, {"architecture": architecture, "dataset": dataset})
        checker.check_model(model)
        return model

    def _constant(self, name, values):
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(self, kind, output, *more, **attributes):
        from onnx import helper

        self.nodes.append(helper.make_node(kind, [self.now, *more], [output], name=output + "/" + kind, **attributes))
        self.now = output

    def _array(self, layer, name):
        return self._constant(f"{layer.name}.{name}", self.arrays[f"{layer.name}/{name}"])

    def _preprocess(self, preprocessing, maps):
        if "contrast" in preprocessing:
            scale, bias = (np.float32(value) for value in preprocessing["contrast"])
            self._node("ReduceMean", "mean", axes=[1, 2, 3], keepdims=1)
            self._difference("images", "mean", "centred")
            self._node("Mul", "squares", "centred")
            self._node("ReduceMean", "variance", axes=[1, 2, 3], keepdims=1)
            self._node("Add", "biased", self._constant("contrast.bias", bias))
            self._node("Sqrt", "deviation")
            self._node("Max", "divisor", self._constant("contrast.least", np.float32(1e-8)))
            divisor, self.now = self.now, "centred"
            self._node("Div", "contrast", divisor)
            self._node("Mul", "normalised", self._constant("contrast.scale", scale))
        if "whitening" in preprocessing:
            self._node("Flatten", "pixels", axis=1)
            self._node("Sub", "deviations", self._constant("whitening.mean", preprocessing["mean"].ravel()))
            self._node("MatMul", "white", self._constant("whitening.matrix", preprocessing["whitening"].T))
            self._node("Reshape", "whitened", self._constant("whitening.shape", np.array([-1, *maps], np.int64)))

    def _difference(self, a, b, output):
        self.now = a
        self._node("Sub", output, b)

    def _convolution(self, layer, output):
        how = dict(kernel_shape=layer.kernel, pads=layer.padding, strides=layer.stride, dilations=layer.dilation, group=layer.groups)
        plain = layer.stride == layer.dilation == (1, 1)
        if layer.method == "ecp" and plain:
            how.update(pads=self._mode_window(layer), strides=[2, 2])
        whole = f"{layer.name}.whole" if layer.method == "ecp" and not plain else output
        self._node("Conv", whole, *[self._array(layer, name) for name in layer.arrays], **how)
        if whole != output:
            ends = [2 * extent for extent in layer.outputs[1:]]
            self._slice(layer, output, [self.mode // 2, self.mode % 2], ends, 2)

    def _mode_window(self, layer):
        """Padding, or where that is less than nothing a slice, so that a convolution of stride 2 gives pixel K of each
        window."""
        begin = [self.mode // 2 - layer.padding[0], self.mode % 2 - layer.padding[1]]
        end = [start + 2 * (extent - 1) + taps for start, extent, taps in zip(begin, layer.outputs[1:], layer.kernel)]
        sizes = layer.inputs[1:]
        if any(start > 0 for start in begin) or any(stop < size for stop, size in zip(end, sizes)):
            starts, ends = [max(start, 0) for start in begin], [min(stop, size) for stop, size in zip(end, sizes)]
            self._slice(layer, f"{layer.name}.window", starts, ends, 1)
        return [max(-start, 0) for start in begin] + [max(stop - size, 0) for stop, size in zip(end, sizes)]

    def _slice(self, layer, output, starts, ends, step):
        parts = {"starts": starts, "ends": ends, "axes": [2, 3], "steps": [step, step]}
        names = [self._constant(f"{layer.name}.{name}", np.array(values, np.int64)) for name, values in parts.items()]
        self._node("Slice", output, *names)

    def _pooling(self, layer, output):
        if layer.method == "random":
            ends = [extent // 2 * 2 for extent in layer.inputs[1:]]
            self._slice(layer, output, [self.mode // 2, self.mode % 2], ends, 2)
        elif layer.method == "overlapped-max":
            cut = [1 - extent % 2 for extent in layer.inputs[1:]]
            self._node("MaxPool", output, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, *cut])
        else:
            kind = "MaxPool" if layer.method == "max" else "AveragePool"
            self._node(kind, output, kernel_shape=[2, 2], strides=[2, 2])

    def _norm(self, layer, output):
        self._node("BatchNormalization", output, *[self._array(layer, name) for name in layer.arrays],
                   epsilon=BATCH_NORM_EPSILON)

    def _relu(self, layer, output):
        self._node("Relu", output)

    def _dense(self, layer, output):
        if layer.inputs[1:] != (1, 1) or not self.nodes or "FC" not in self._kind_before(layer):
            self._node("Flatten", f"{layer.name}.flat", axis=1)
        self._node("Gemm", output, *[self._array(layer, name) for name in layer.arrays], transB=1)

    def _kind_before(self, layer):
        """"FC" when a fully connected layer stands before this one, so that values are in rows already."""
        names = [each.name for each in self.layers]
        before = [each.kind for each in self.layers[: names.index(layer.name)]]
        return "FC" if "dense" in before else ""


def import_onnx(file, checkpoint, dataset="", overwrite=False):
    """Writes a checkpoint of an ONNX network and returns its architecture. Known are, in a row: Conv (two axes; any
    kernel, padding, stride, dilation and groups), BatchNormalization, Relu, MaxPool and AveragePool of 2×2 with stride 2, MaxPool of 3×3
    with stride 2, Flatten and Reshape to rows, Gemm, MatMul with Add; Dropout, Identity, Constant and a Softmax at the end
    change nothing. A bias before a batch normalisation moves into its mean, another ε into its variance.
    Raises OnnxError naming the node that has no place in an architecture string."""
    reader = _Reader(file)
    save_checkpoint(checkpoint, reader.architecture, reader.state, dataset=dataset, overwrite=overwrite)
    return reader.architecture


class _Reader:
    """Turns nodes into blocks: each is a convolution or fully connected layer with what follows it."""

    def __init__(self, file):
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(os.fspath(file)).graph
        self.constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        self.maps = self._input_maps(graph)
        self.input = "x".join(map(str, self.maps))
        self.ended = False  # by a Softmax
        self.blocks = []  # [{"conv" or "dense" or "pool": …, "norm": …, "pool": …, "relu": bool}]
        self._walk(graph)
        self.architecture = f"{self.input}:" + "-".join(part for block in self.blocks for part in self._parts(block))
        self.state = self._state()

    def _input_maps(self, graph):
        inputs = [each for each in graph.input if each.name not in self.constants]
        if len(inputs) != 1:
            raise OnnxError(f"expected one input, found {len(inputs)}: {', '.join(each.name for each in inputs)}")
        self.now = inputs[0].name
        if len(inputs[0].type.tensor_type.shape.dim) > 0:
            self.batch = inputs[0].type.tensor_type.shape.dim[0].dim_value  # 0: any
        extents = [each.dim_value for each in inputs[0].type.tensor_type.shape.dim]
        if len(extents) != 4 or min(extents[1:]) < 1:
            raise OnnxError(f"input {self.now}: expected (N, C, H, W) with C, H and W given, found {extents}")
        return tuple(extents[1:])

    def _walk(self, graph):
        from onnx import helper

        for node in graph.node:
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            self.name = f"{node.op_type} {node.name or node.output[0]}"
            handle = getattr(self, f"_{node.op_type.lower()}", None)
            if node.domain not in ("", "ai.onnx") or handle is None:
                raise OnnxError(f"{self.name}: no architecture string says it")
            if node.op_type == "Constant":
                self.constants[node.output[0]] = handle(attributes)
                continue
            inputs = list(node.input)
            if node.op_type == "Add" and self.now in inputs:
                inputs.sort(key=lambda name: name != self.now)  # in either order
            if not inputs or inputs[0] != self.now:
                raise OnnxError(f"{self.name}: expected the output of the node before ({self.now}): only rows of layers")
            if self.ended and node.op_type not in ("Identity", "Dropout"):
                raise OnnxError(f"{self.name}: expected nothing behind the Softmax")
            handle(attributes, inputs[1:])
            self.now = node.output[0]
        outputs = [each.name for each in graph.output]
        if outputs != [self.now]:
            raise OnnxError(f"expected one output, that of the last node ({self.now}), found {', '.join(outputs) or 'none'}")
        if not self.blocks or "dense" not in self.blocks[-1] or set(self.blocks[-1]) != {"dense"}:
            raise OnnxError("expected a fully connected layer at the end, without batch normalisation or ReLU behind it")

    def _constant(self, attributes):
        from onnx import numpy_helper

        for name, read in (("value", numpy_helper.to_array), ("value_float", np.float32), ("value_int", np.int64),
                           ("value_floats", lambda values: np.array(values, np.float32)),
                           ("value_ints", lambda values: np.array(values, np.int64))):
            if name in attributes:
                return read(attributes[name])
        raise OnnxError(f"{self.name}: expected numbers, found {', '.join(attributes)}")

    def _require(self, what, found, expected):
        if found != expected:
            raise OnnxError(f"{self.name}: {what}: expected {expected}, found {found}")

    def _values(self, inputs, count=None):
        missing = [each for each in inputs if each and each not in self.constants]
        if missing or (count is not None and len(inputs) not in count):
            raise OnnxError(f"{self.name}: expected constant parameters, found {', '.join(missing) or len(inputs)}")
        return [self.constants[each] for each in inputs if each]

    def _last(self, *kinds):
        if not self.blocks or not any(kind in self.blocks[-1] for kind in kinds):
            raise OnnxError(f"{self.name}: expected it behind a {' or a '.join(kinds)}")
        return self.blocks[-1]

    def _finish_block(self):
        """Before another block begins: each but the last has a ReLU."""
        if self.blocks and not self.blocks[-1].get("relu") and ("conv" in self.blocks[-1] or "dense" in self.blocks[-1]):
            raise OnnxError(f"{self.name}: expected a Relu behind the layer before it")

    def _conv(self, attributes, inputs):
        self._finish_block()
        weight, *bias = self._values(inputs, (1, 2))
        kernel, groups = weight.shape[2:], attributes.get("group", 1)
        self._require("kernel_shape", tuple(attributes.get("kernel_shape", kernel)), kernel)
        if len(kernel) != 2 or self.maps[0] != weight.shape[1] * groups:
            raise OnnxError(f"{self.name}: weight: expected (O, {self.maps[0]} / {groups}, k, k), found {weight.shape}")
        stride, dilation = (tuple(attributes.get(name, [1, 1])) for name in ("strides", "dilations"))
        padding = self._pads(attributes, kernel, stride, dilation)
        room = [extent + padding[i] + padding[2 + i] - (kernel[i] - 1) * dilation[i] - 1 for i, extent in enumerate(self.maps[1:])]
        self.maps = (len(weight), *(each // step + 1 for each, step in zip(room, stride)))
        how = dict(padding=padding, stride=stride, dilation=dilation, groups=groups)
        self.blocks.append({"conv": (weight, bias[0] if bias else None), "how": how})

    def _pads(self, attributes, kernel, stride, dilation):
        automatic = attributes.get("auto_pad", b"NOTSET").decode()
        same = same_padding(kernel, dilation)
        if automatic in ("SAME_UPPER", "SAME_LOWER") and same and stride == (1, 1):
            return same
        if automatic not in ("NOTSET", "VALID"):
            raise OnnxError(f"{self.name}: auto_pad: expected NOTSET, VALID or SAME of an odd kernel, found {automatic}")
        pads = tuple(attributes.get("pads", [0] * 4))
        if automatic == "VALID" or min(pads) < 0:
            self._require("pads", pads, (0, 0, 0, 0))
        return pads

    def _batchnormalization(self, attributes, inputs):
        self._require("training_mode", attributes.get("training_mode", 0), 0)
        self._require("spatial", attributes.get("spatial", 1), 1)
        block = self._last("conv", "dense")
        if block.get("relu") or block.get("pool") or block.get("norm"):
            raise OnnxError(f"{self.name}: expected it right behind the convolution or fully connected layer")
        scale, shift, mean, variance = (each.astype(np.float64) for each in self._values(inputs, (4,)))
        variance = variance + attributes.get("epsilon", 1e-5) - BATCH_NORM_EPSILON
        if (variance < 0).any():
            raise OnnxError(f"{self.name}: epsilon: with {BATCH_NORM_EPSILON:g} instead, a variance would be negative")
        weight, bias = block["conv" if "conv" in block else "dense"]
        block["norm"] = (scale, shift, mean if bias is None else mean - bias, variance)

    def _relu(self, attributes, inputs):
        self._last("conv", "dense")["relu"] = True

    def _maxpool(self, attributes, inputs):
        kernel, strides = list(attributes["kernel_shape"]), list(attributes.get("strides", [1, 1]))
        pads, ceil = self._pool_pads(attributes), attributes.get("ceil_mode", 0)
        self._require("strides", strides, [2, 2])
        self._require("dilations", list(attributes.get("dilations", [1, 1])), [1, 1])
        if kernel == [2, 2]:
            self._require("pads", pads, [0] * 4)
            if ceil and any(extent % 2 for extent in self.maps[1:]):
                raise OnnxError(f"{self.name}: ceil_mode: P2 drops a last odd row or column")
            return self._pool("P2")
        self._require("kernel_shape", kernel, [3, 3])
        self._require("pads at the start", pads[:2], [0, 0])
        count = [(extent + pad - 3 + (1 if ceil else 0)) // 2 + 1 for extent, pad in zip(self.maps[1:], pads[2:])]
        self._require("size of the output", count, [extent // 2 for extent in self.maps[1:]])
        self._pool("MP2")

    def _averagepool(self, attributes, inputs):
        self._require("kernel_shape", list(attributes["kernel_shape"]), [2, 2])
        self._require("strides", list(attributes.get("strides", [1, 1])), [2, 2])
        self._require("dilations", list(attributes.get("dilations", [1, 1])), [1, 1])
        self._require("pads", self._pool_pads(attributes), [0] * 4)
        self._require("ceil_mode", attributes.get("ceil_mode", 0), 0)
        if self.blocks and self.blocks[-1].get("relu") and not self.blocks[-1].get("pool"):
            raise OnnxError(f"{self.name}: an average pooling stands before the Relu of its convolution here")
        self._pool("P2(average)")

    def _pool_pads(self, attributes):
        automatic = attributes.get("auto_pad", b"NOTSET").decode()
        if automatic not in ("NOTSET", "VALID"):
            raise OnnxError(f"{self.name}: auto_pad: expected NOTSET or VALID, found {automatic}")
        return [0] * 4 if automatic == "VALID" else list(attributes.get("pads", [0] * 4))

    def _pool(self, text):
        """Of the block's convolution, whose ReLU may come before it where maxima are taken; else a block of its own."""
        if self.blocks and "conv" in self.blocks[-1] and not self.blocks[-1].get("pool"):
            self.blocks[-1]["pool"] = text
        else:
            self._finish_block()
            self.blocks.append({"pool": text})
        self.maps = (self.maps[0], *(extent // 2 for extent in self.maps[1:]))

    def _flatten(self, attributes, inputs):
        self._require("axis", attributes.get("axis", 1), 1)

    def _reshape(self, attributes, inputs):
        (shape,) = self._values(inputs, (1,))
        size = int(np.prod(self.maps))
        rows = (-1, 0, self.batch) if self.batch else (-1, 0)
        if len(shape) != 2 or shape[0] not in rows or shape[1] not in (-1, size):
            raise OnnxError(f"{self.name}: expected rows of {size} values, found the shape {shape.tolist()}")

    def _dense(self, weight, bias):
        self._finish_block()
        self._require("shape of the weight", weight.shape, (weight.shape[0], int(np.prod(self.maps))))
        self.maps = (weight.shape[0], 1, 1)
        self.blocks.append({"dense": (weight, bias)})

    def _gemm(self, attributes, inputs):
        weight, *bias = self._values(inputs, (1, 2))
        self._require("transA", attributes.get("transA", 0), 0)
        weight = weight * np.float32(attributes.get("alpha", 1.0))
        weight = weight if attributes.get("transB", 0) else weight.T
        bias = self._row(bias[0], len(weight)) * np.float32(attributes.get("beta", 1.0)) if bias else None
        self._dense(weight, bias)

    def _row(self, bias, count):
        """A number for each neuron, the same for every image."""
        if bias.size == 1:
            return np.full(count, bias.ravel()[0])
        if bias.shape not in ((count,), (1, count)):
            raise OnnxError(f"{self.name}: bias: expected shape ({count},) or (1, {count}), found {bias.shape}")
        return bias.reshape(-1)

    def _matmul(self, attributes, inputs):
        (weight,) = self._values(inputs, (1,))
        self._dense(weight.T, None)

    def _add(self, attributes, inputs):
        block = self._last("dense")
        (bias,) = self._values(inputs, (1,))
        if set(block) != {"dense"} or block["dense"][1] is not None:
            raise OnnxError(f"{self.name}: expected the bias of the MatMul right before it")
        block["dense"] = (block["dense"][0], self._row(bias, self.maps[0]))

    def _softmax(self, attributes, inputs):
        self._last("dense")
        if attributes.get("axis", 1) not in (1, -1):
            raise OnnxError(f"{self.name}: axis: expected 1, found {attributes['axis']}")
        self.ended = True

    def _dropout(self, attributes, inputs):
        """Nothing, outside training."""
        if any(np.any(values) for values in self._values(inputs[1:2])):
            raise OnnxError(f"{self.name}: training_mode: expected False, found True")

    def _identity(self, attributes, inputs):
        """Nothing."""

    def _parts(self, block):
        """The block as parts of an architecture string."""
        norm = "+BN" if block.get("norm") else ""
        if "dense" in block:
            last = block is self.blocks[-1]
            return [f"{len(block['dense'][0])}{'Softmax' if last else 'FC'}{norm}"]
        if "conv" not in block:
            return [block["pool"]]
        return [_convolution_text(block) + norm] + ([block["pool"]] if block.get("pool") else [])

    def _state(self):
        """The arrays under the library's names."""
        state, counts = {}, {"conv": 0, "dense": 0, "norm": 0}
        for block in self.blocks:
            kind = "conv" if "conv" in block else "dense"
            if kind not in block:
                continue
            weight, bias = block[kind]
            counts[kind] += 1
            state[f"{kind}{counts[kind]}/weight"] = weight
            if block.get("norm"):
                counts["norm"] += 1
                names = ("scale", "shift", "running_mean", "running_variance")
                state.update({f"norm{counts['norm']}/{name}": values for name, values in zip(names, block["norm"])})
            else:
                state[f"{kind}{counts[kind]}/bias"] = np.zeros(len(weight)) if bias is None else bias
        return state


def _pair_text(pair):
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _convolution_text(block):
    """Its part of an architecture string, as the library prints it."""
    weight, how = block["conv"][0], block["how"]
    kernel, padding = weight.shape[2:], how["padding"]
    text = f"{len(weight)}C{_pair_text(kernel)}"
    if padding != same_padding(kernel, how["dilation"]):
        symmetric = padding[:2] == padding[2:]
        text += "v" if not any(padding) else "p" + (_pair_text(padding[:2]) if symmetric else "x".join(map(str, padding)))
    for letter, pair in (("s", how["stride"]), ("d", how["dilation"])):
        text += "" if pair == (1, 1) else letter + _pair_text(pair)
    return text + (f"g{how['groups']}" if how["groups"] != 1 else "")
