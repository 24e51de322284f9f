#!/usr/bin/python3
"""Times a network of fftconv in PyTorch: a whole training step (forward, loss, backward, Adam) and inference.

The architecture is the full form that `fftconv-bench --network NAME` prints, for example
    bench_pytorch.py '1x28x28:20C5v-P2-32C5v-P2-100FC-10Softmax' --batch 50 --threads 1
P2(ecp) becomes what PyTorch has for it, a convolution with stride 2. As in fftconv-bench, a round's value is its
fastest call, and the median of the rounds is printed. Needs python3-torch.

`fftconv-bench --network NAME --pytorch apps/bench_pytorch.py` lets it take turns with our engines (--serve).
"""
import argparse
import re
import statistics
import sys
import time
import warnings

import torch
from torch import nn


def read_layers(text):
    """The parts between the dashes, 2x128C3 written out twice."""
    for part in text.split("-"):
        repeat, rest = re.fullmatch(r"(?:(\d+)x)?(.+)", part).groups()
        yield from [rest] * int(repeat or 1)


def convolution(channels, text, stride):
    outputs, kernel, valid, padding, norm = re.fullmatch(r"(\d+)C(\d+)(v)?(?:p(\d+))?(\+BN)?", text).groups()
    outputs, kernel = int(outputs), int(kernel)
    padding = 0 if valid else int(padding) if padding else (kernel - 1) // 2
    layers = [nn.Conv2d(channels, outputs, kernel, stride, padding, bias=not norm)]
    return layers + ([nn.BatchNorm2d(outputs)] if norm else []), outputs


def pooling(text):
    return {
        "MP2": nn.MaxPool2d(3, 2, ceil_mode=True),
        "P2": nn.MaxPool2d(2),
        "P2(average)": nn.AvgPool2d(2),
        "P2(random)": nn.MaxPool2d(1, 2),  # pixel 0 of each window
        "P2(ecp)": nn.Identity(),  # the convolution before it has the stride
    }[text]


def dense(text):
    outputs, norm = re.fullmatch(r"(\d+)(?:FC|Softmax)(\+BN)?", text).groups()
    layers = [nn.LazyLinear(int(outputs), bias=not norm)]
    return layers + ([nn.BatchNorm1d(int(outputs))] if norm else [])


def network(architecture):
    """The images' shape and the network. ReLU follows a convolution (behind its pooling) and a dense layer."""
    shape, text = architecture.split(":")
    shape = [int(extent) for extent in shape.split("x")]
    parts, layers, channels, flat = list(read_layers(text)), [], shape[0], False
    for index, part in enumerate(parts):
        following = parts[index + 1] if index + 1 < len(parts) else ""
        if re.match(r"\d+C\d", part):
            made, channels = convolution(channels, part, 2 if following == "P2(ecp)" else 1)
            layers += made + ([] if "P2" in following else [nn.ReLU()])
        elif "P2" in part:
            layers += [pooling(part), nn.ReLU()]
        else:
            layers += ([] if flat else [nn.Flatten()]) + dense(part) + ([] if "Softmax" in part else [nn.ReLU()])
            flat = True
    return shape, nn.Sequential(*layers)


def median_seconds(work, rounds, slice_seconds):
    work()
    fastest = []
    for _ in range(rounds):
        calls, end = [], time.perf_counter() + slice_seconds
        while len(calls) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            work()
            calls.append(time.perf_counter() - start)
        fastest.append(min(calls))
    return statistics.median(fastest)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", help="the full form, CxHxW:…")
    parser.add_argument("--batch", type=int, default=16, help="images (default 16)")
    parser.add_argument("--threads", type=int, default=1, help="threads (default 1)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds (default 15)")
    parser.add_argument("--slice", type=float, default=0.03, help="seconds of a round, at least (default 0.03)")
    parser.add_argument("--serve", action="store_true",
                        help="one call for each line of the input, training or inference, answered by a line")
    options = parser.parse_args()

    warnings.filterwarnings("ignore", message="Lazy modules")
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    shape, model = network(options.architecture)
    images = torch.rand(options.batch, *shape) * 2 - 1
    classes = model(images).shape[1]
    labels = torch.randint(0, classes, (options.batch,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loss = nn.CrossEntropyLoss()

    def training_step():
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()

    def inference():
        with torch.inference_mode():
            model(images)

    if options.serve:
        print(f"PyTorch {torch.__version__}", flush=True)
        for line in sys.stdin:
            training = line.strip() == "training"
            model.train(training)
            (training_step if training else inference)()
            print("done", flush=True)
        return
    print(f"PyTorch {torch.__version__}, {options.architecture}, batch {options.batch}, threads {options.threads}")
    for name, work in (("training step", training_step), ("inference", inference)):
        model.train(work is training_step)
        print(f"{name}: {1e3 * median_seconds(work, options.rounds, options.slice):.3f} ms")


if __name__ == "__main__":
    main()
