#!/usr/bin/python3
"""A rival for `fftconv-bench --peer pytorch`: PyTorch (python3-torch), a layer's forward pass, or of a network a whole
training step (forward, loss, backward, Adam) or inference. P2(ecp) becomes what PyTorch has for it, a convolution with
stride 2. The protocol is in README.md of this folder."""
import pathlib
import sys
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib/python"))
try:
    import torch
    from torch import nn
except ImportError as error:
    torch = error
import fftconv
from protocol import Cannot, serve


def convolution(layer):
    """Padding that differs from side to side is a layer of its own."""
    top, left, bottom, right = layer.padding
    even = (top, left) == (bottom, right)
    stride = [step * (2 if layer.method == "ecp" else 1) for step in layer.stride]
    module = nn.Conv2d(layer.inputs[0], layer.outputs[0], layer.kernel, stride, (top, left) if even else 0, layer.dilation,
                       layer.groups, bias="bias" in layer.arrays)
    return [module] if even else [nn.ZeroPad2d((left, right, top, bottom)), module]


def pooling(layer):
    return {
        "overlapped-max": nn.MaxPool2d(3, 2, ceil_mode=True),
        "max": nn.MaxPool2d(2),
        "average": nn.AvgPool2d(2),
        "random": nn.MaxPool2d(1, 2),  # pixel 0 of each window
    }[layer.method]


def network(architecture):
    """The images' shape and the network."""
    layers, modules, flat = fftconv.parse(architecture), [], False
    for layer in layers:
        if layer.kind == "convolution":
            modules += convolution(layer)
        elif layer.kind == "dense":
            modules += ([] if flat else [nn.Flatten()]) + [nn.LazyLinear(layer.outputs[0], bias="bias" in layer.arrays)]
            flat = True
        elif layer.kind == "norm":
            modules.append((nn.BatchNorm1d if flat else nn.BatchNorm2d)(layer.outputs[0]))
        else:
            modules.append(pooling(layer) if layer.kind == "pooling" else nn.ReLU())
    return layers[0].inputs, nn.Sequential(*modules)


def network_work(work):
    """What a call does."""
    shape, model = network(work["architecture"])
    images = torch.rand(int(work["batch"]), *shape) * 2 - 1
    labels = torch.randint(0, model(images).shape[1], (len(images),))
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=0.001), nn.CrossEntropyLoss()

    def training_step():
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()

    def inference():
        with torch.inference_mode():
            return model(images)

    training = work["pass"] == "training"
    model.train(training)
    return training_step if training else inference


def layer_work(work):
    top, left, bottom, right = work.numbers("padding")
    if (top, left) != (bottom, right):
        raise Cannot("pad each side differently")
    images, weights = torch.from_numpy(work.images()), torch.from_numpy(work.weights())
    stride, dilation, (groups,) = work.numbers("stride"), work.numbers("dilation"), work.numbers("groups")

    def forward():
        with torch.inference_mode():
            return nn.functional.conv2d(images, weights, None, stride, (top, left), dilation, groups)

    return forward


def prepare(work):
    if isinstance(torch, ImportError):
        raise Cannot("run without PyTorch (python3-torch)")
    torch.set_num_threads(int(work["threads"]))
    torch.manual_seed(1)
    run = layer_work(work) if work.kind == "layer" else network_work(work)
    return f"PyTorch {torch.__version__}", run, lambda result: result.numpy()


warnings.filterwarnings("ignore", message="Lazy modules")
serve(prepare)
