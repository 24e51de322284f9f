#!/usr/bin/python3
"""A rival for `fftconv-bench --peer-command 'apps/bench/ncnn.py LIBRARY [REMARK]'`: ncnn through its C interface. LIBRARY
is the libncnn.so of your build (cmake -DNCNN_SHARED_LIB=ON), REMARK what the tables shall say of it. A layer's forward pass,
or a network's inference, image by image as ncnn does it: single precision, batch normalisation in the weights of what it
follows, ReLU in the layer that it follows at once. Of each image's time a few microseconds are this script's. The protocol
is in README.md of this folder."""
import ctypes
import pathlib
import sys

import numpy as np

from protocol import Cannot, serve

weighted = ("Convolution", "ConvolutionDepthWise", "InnerProduct")
pointers = (  # what is returned that is no number
    "net_create", "option_create", "mat_create_3d", "mat_get_data", "extractor_create")


class Library:
    """ncnn_NAME of a shared library as NAME."""

    def __init__(self, file):
        self.library = ctypes.CDLL(file)

    def __getattr__(self, name):  # once for each name: a call of a small network shall not wait for Python
        function = getattr(self.library, "ncnn_" + name)
        function.restype = {"version": ctypes.c_char_p, "mat_get_cstep": ctypes.c_size_t}.get(
            name, ctypes.c_void_p if name in pointers else ctypes.c_int)
        setattr(self, name, function)
        return function


class Model:
    """A network in ncnn's words: a chain of layers, and the weights in their order."""

    def __init__(self):
        self.layers, self.weights = [("Input", {})], []

    def add(self, kind, parameters, *arrays):
        """The first of the arrays has four bytes before it: float32."""
        self.layers.append((kind, parameters))
        for i, array in enumerate(arrays):
            self.weights += [np.zeros(1, np.float32)] * (i == 0) + [np.asarray(array, np.float32).ravel()]

    def activate(self):
        """ReLU, by the last layer where it can do so."""
        kind, parameters = self.layers[-1]
        if kind in weighted:
            parameters[9] = 1
        else:
            self.add("ReLU", {})

    def text(self):
        lines = ["7767517", f"{len(self.layers)} {len(self.layers)}"]
        for i, (kind, parameters) in enumerate(self.layers):
            blobs = f"0 1 blob{i}" if i == 0 else f"1 1 blob{i - 1} blob{i}"
            lines.append(" ".join([kind, f"layer{i}", blobs, *(f"{key}={value}" for key, value in parameters.items())]))
        return "\n".join(lines) + "\n"


def add_convolution(model, weight, bias, padding, stride, dilation, groups):
    (outputs, _, rows, columns), (top, left, bottom, right) = weight.shape, padding
    parameters = {0: outputs, 1: columns, 11: rows, 2: dilation[1], 12: dilation[0], 3: stride[1], 13: stride[0], 4: left,
                  14: top, 15: right, 16: bottom, 5: int(bias is not None), 6: weight.size}
    if groups > 1:
        parameters[7] = groups
    model.add("ConvolutionDepthWise" if groups > 1 else "Convolution", parameters, weight, *([] if bias is None else [bias]))


def layer_model(work):
    model = Model()
    padding, stride, dilation = (work.numbers(key) for key in ("padding", "stride", "dilation"))
    add_convolution(model, work.weights(), None, padding, stride, dilation, int(work["groups"]))
    return model, work.images()


def network_model(work):
    """With random weights."""
    if work["pass"] == "training":
        raise Cannot("train")
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib/python"))
    import fftconv

    random, model, layers = np.random.default_rng(1), Model(), fftconv.parse(work["architecture"])
    poolings = {"max": {0: 0, 1: 2, 2: 2}, "overlapped-max": {0: 0, 1: 3, 2: 2}, "average": {0: 1, 1: 2, 2: 2}}
    for layer, after in zip(layers, [*layers[1:], None]):
        bias = None
        if "bias" in layer.arrays or (after and after.kind == "norm"):
            bias = random.uniform(-1, 1, layer.outputs[0])
        if layer.kind in ("convolution", "dense"):
            shape = layer.arrays["weight"]
            weight = random.uniform(-1, 1, shape) / np.sqrt(np.prod(shape[1:]))
        if layer.kind == "convolution":
            stride = [step * (2 if layer.method == "ecp" else 1) for step in layer.stride]
            add_convolution(model, weight, bias, layer.padding, stride, layer.dilation, layer.groups)
        elif layer.kind == "dense":
            parameters = {0: layer.outputs[0], 1: int(bias is not None), 2: weight.size}
            model.add("InnerProduct", parameters, weight, *([] if bias is None else [bias]))
        elif layer.kind == "relu":
            model.activate()
        elif layer.kind == "pooling" and layer.method in poolings:
            model.add("Pooling", poolings[layer.method])
        elif layer.kind != "norm" or model.layers[-1][0] not in weighted:  # a norm is in the weights before it
            raise Cannot(f"do {layer.name}, {layer.kind} {layer.method}")
    return model, random.uniform(-1, 1, (int(work["batch"]), *layers[0].inputs)).astype(np.float32)


class Network:
    """A model that ncnn has loaded, and its images."""

    def __init__(self, library, model, images, threads):
        self.library = ncnn = library
        option = ctypes.c_void_p(ncnn.option_create())
        ncnn.option_set_num_threads(option, threads)
        for precision in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
            getattr(ncnn, "option_set_use_" + precision)(option, 0)
        self.net = ctypes.c_void_p(ncnn.net_create())
        ncnn.net_set_option(self.net, option)
        if ncnn.net_load_param_memory(self.net, model.text().encode()) != 0:
            raise Cannot("load the network")
        self.weights = np.concatenate(model.weights or [np.zeros(1, np.float32)])  # which ncnn goes on reading
        if ncnn.net_load_model_memory(self.net, self.weights.ctypes.data_as(ctypes.c_void_p)) != self.weights.nbytes:
            raise Cannot("load the weights")
        self.last = f"blob{len(model.layers) - 1}".encode()
        self.images = [self.mat(image) for image in images]
        self.mats = [ctypes.c_void_p() for _ in images]

    def mat(self, image):
        channels, rows, columns = image.shape
        mat = ctypes.c_void_p(self.library.mat_create_3d(columns, rows, channels, None))
        self.floats(mat)[:] = image
        return mat

    def floats(self, mat):
        """A mat as (channels, rows, columns); its channels begin at multiples of a step."""
        ncnn = self.library
        columns, rows, channels = (getattr(ncnn, f"mat_get_{extent}")(mat) for extent in "whc")
        step = ncnn.mat_get_cstep(mat)
        data = ctypes.cast(ncnn.mat_get_data(mat), ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(data, (channels, step))[:, :rows * columns].reshape(channels, rows, columns)

    def run(self):
        ncnn, net, pointer = self.library, self.net, ctypes.c_void_p
        create, destroy = ncnn.extractor_create, ncnn.extractor_destroy
        give, take = ncnn.extractor_input, ncnn.extractor_extract
        for image, output in zip(self.images, self.mats):
            if output:
                ncnn.mat_destroy(output)
            extractor = pointer(create(net))
            if give(extractor, b"blob0", image) or take(extractor, self.last, ctypes.byref(output)):
                sys.exit("ncnn.py: ncnn failed on an image")
            destroy(extractor)

    def outputs(self, _):
        return np.stack([self.floats(mat).copy() for mat in self.mats])


def prepare(work):
    network = Network(library, *(layer_model(work) if work.kind == "layer" else network_model(work)), int(work["threads"]))
    name = " ".join(["ncnn", library.version().decode(), *(f"({remark})" for remark in sys.argv[2:])])
    return name, network.run, network.outputs


if len(sys.argv) < 2:
    sys.exit(__doc__)
try:
    library = Library(sys.argv[1])
except OSError as error:
    sys.exit(f"ncnn.py: {error}")
serve(prepare)
