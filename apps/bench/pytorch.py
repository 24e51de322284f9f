#!/usr/bin/python3
"""A rival for `fftconv-bench --peer pytorch`: PyTorch (python3-torch), a layer's forward pass, or of a network a whole
training step (forward, loss, backward, Adam) or inference. P2(ecp) becomes what PyTorch has for it, a convolution with
stride 2. The protocol is in README.md of this folder."""
import pathlib
import sys
import time
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib/python"))
try:
    import torch
    from torch import nn
except ImportError as error:
    torch = error
import fftconv


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
    numbers = {key: [int(number) for number in text.split(",")] for key, text in work.items() if text[0].isdigit()}
    top, left, bottom, right = numbers["padding"]
    if (top, left) != (bottom, right):
        return None
    (batch,), (channels,), (outputs,), (groups,) = (numbers[key] for key in ("batch", "channels", "outputs", "groups"))
    images, weights = (torch.from_numpy(np.fromfile(f"{work['folder']}/{name}.f32", np.float32)) for name in ("x", "weights"))
    images = images.reshape(batch, channels, *numbers["height"], *numbers["width"])
    weights = weights.reshape(outputs, channels // groups, *numbers["kernel"])

    def forward():
        with torch.inference_mode():
            return nn.functional.conv2d(images, weights, None, numbers["stride"], (top, left), numbers["dilation"], groups)

    return forward


class Peer:
    def answer(self, line):
        if line == "run":
            start = time.perf_counter()
            self.result = self.work()
            return f"{time.perf_counter() - start:.9f}"
        if line == "result":
            self.result.numpy().tofile(self.folder + "/y.f32")
            return "done"
        return self.prepare(*line.split(" "))

    def prepare(self, kind, *words):
        if isinstance(torch, ImportError):
            return "cannot run without PyTorch (python3-torch)"
        work = dict(word.split("=", 1) for word in words)
        torch.set_num_threads(int(work["threads"]))
        torch.manual_seed(1)
        self.folder = work["folder"]
        self.work = layer_work(work) if kind == "layer" else network_work(work)
        return f"ready PyTorch {torch.__version__}" if self.work else "cannot pad each side differently"


warnings.filterwarnings("ignore", message="Lazy modules")
peer = Peer()
for line in sys.stdin:
    print(peer.answer(line.strip()), flush=True)
