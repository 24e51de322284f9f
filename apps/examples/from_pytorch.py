#!/usr/bin/env python3
"""A network of PyTorch as a checkpoint that the apps read, and back: PYTHONPATH=lib/python from_pytorch.py FILE.
Needs python3-torch; ends with status 77 where it is not installed."""
import sys

try:
    import torch
    from torch import nn
except ImportError:
    sys.exit(77)

import fftconv

network = nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(20, 32, 5), nn.MaxPool2d(2), nn.ReLU(),
                        nn.Flatten(), nn.Linear(512, 100), nn.ReLU(), nn.Linear(100, 10))
architecture = "1x28x28:20C5v-P2-32C5v-P2-100FC-10Softmax"
fftconv.save_checkpoint(sys.argv[1], architecture, network.state_dict(), overwrite=True)

images = torch.rand(4, 1, 28, 28)
difference = abs(fftconv.predict(sys.argv[1], images.numpy()) - network(images).detach().numpy()).max()
print(f"{fftconv.open(sys.argv[1])}\nlargest difference of the logits: {difference:.2g}")

back = fftconv.state_dict(sys.argv[1], like=network.state_dict())
network.load_state_dict({name: torch.from_numpy(values) for name, values in back.items()})
sys.exit(bool(difference > 1e-4))
