"""What rivals in Python share: the lines that fftconv-bench writes and reads (README.md of this folder)."""
import sys
import time

import numpy as np


class Cannot(Exception):
    """Why a rival does not do a work, in the words after "cannot"."""


class Work(dict):
    """What a rival shall do, from the words of `layer KEY=VALUE …` or `network KEY=VALUE …`: its kind, and texts by key."""

    def __init__(self, kind, *words):
        super().__init__(word.split("=", 1) for word in words)
        self.kind = kind

    def numbers(self, key):
        return [int(number) for number in self[key].split(",")]

    def images(self):
        """Of a layer, (N, C, H, W)."""
        return self._floats("x").reshape([int(self[key]) for key in ("batch", "channels", "height", "width")])

    def weights(self):
        """Of a layer, (O, C/groups, rows, columns)."""
        outputs, channels, groups = (int(self[key]) for key in ("outputs", "channels", "groups"))
        return self._floats("weights").reshape(outputs, channels // groups, *self.numbers("kernel"))

    def _floats(self, name):
        return np.fromfile(f"{self['folder']}/{name}.f32", np.float32)


def serve(prepare):
    """Answers the standard input. prepare(work) returns a name and version, a function that does the work once, and one that
    makes an array (N, O, H', W') of what that returned; or it raises Cannot."""
    for line in sys.stdin:
        if line.strip() == "run":
            start = time.perf_counter()
            result = run()
            answer = f"{time.perf_counter() - start:.9f}"
        elif line.strip() == "result":
            outputs(result).tofile(work["folder"] + "/y.f32")
            answer = "done"
        else:
            work = Work(*line.split())
            try:
                name, run, outputs = prepare(work)
                answer = f"ready {name}"
            except Cannot as reason:
                answer = f"cannot {reason}"
        print(answer, flush=True)
