#!/usr/bin/env python3
"""Methods of pooling against each other, training by training of the same seed; means over the seeds with 95 % intervals
(Student).

First the accuracy of each method less that of another, in percentage points, of the best epoch and of the last ten. Of a
network whose K was drawn for each batch: under K = 0, and, as "-mean", by the mean of its outputs under the four K. Then how
many times as fast as the other it is, where both took turns: of each seed the median of the ratios of like epochs.
    python3 results/ecp-mnist-seeds/differences.py
"""
import math
import pathlib
import re
import statistics
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib" / "python"))
import fftconv  # noqa: E402

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # 97.5 % quantile for so many seeds


def interval(values):
    return STUDENT[len(values)] * statistics.stdev(values) / math.sqrt(len(values))


def accuracies():
    """{method: {seed: (best, mean of the last ten)}} of all files"""
    found = {}
    for path in sorted(HERE.glob("*.h5")):
        with fftconv.open(path) as result:
            for name, curves in result.curves.items():
                if re.search(r"-k\d$", name):  # a drawn K's network under each K
                    continue
                of_mean = "-mean" if name.endswith("-mean") else ""
                method, _, seed = name.removesuffix("-mean").partition("-repeat-")
                accuracy = list(100 - np.asarray(curves["test_mcr"], dtype=float))
                found.setdefault(method + of_mean, {})[int(seed or 1)] = (max(accuracy), statistics.mean(accuracy[-10:]))
    return found


def is_compared(method, baseline):
    if not re.search("-(ecp|random)-", method) or method[:8] != baseline[:8] or method == baseline:
        return False
    if "-ecp-" in baseline:  # another K, or one network for every K, against K = 0
        return baseline.endswith("-ecp-0") and re.search(r"-ecp-(per-batch|[123])$", method) is not None
    # random pooling and ECP of one K are the same function: what they differ by is the noise of a training
    return "random" not in baseline or method.replace("ecp", "random") == baseline


def summary(values, sign=""):
    return f"{statistics.mean(values):{sign}.2f} ± {interval(values):.2f}"


def print_differences():
    print("| method | less | best epoch, points | last ten epochs, points |")
    print("|---|---|---:|---:|")
    found = accuracies()
    for baseline in sorted(found):
        for method in sorted(found):
            if not is_compared(method, baseline):
                continue
            seeds = sorted(set(found[method]) & set(found[baseline]))
            cells = [summary([found[method][seed][which] - found[baseline][seed][which] for seed in seeds], "+")
                     for which in (0, 1)]
            print(f"| {method} | {baseline} | {cells[0]} | {cells[1]} |")


def seconds_by_method(result):
    """{method: {seed: (seconds of training by epoch, of testing)}}"""
    found = {}
    for name, curves in result.curves.items():
        if re.search(r"-(k\d|mean)$", name):  # tested under another K: not a training
            continue
        method, _, seed = name.partition("-repeat-")
        found.setdefault(method, {})[int(seed or 1)] = tuple(
            np.asarray(curves[which]) for which in ("train_seconds", "test_seconds"))
    return found


def print_speed_ups():
    print("| method | times as fast as | training | testing |")
    print("|---|---|---:|---:|")
    for path in sorted(HERE.glob("*.h5")):
        with fftconv.open(path) as result:
            if "trained_apart" in result.tables:
                continue
            seconds = seconds_by_method(result)
        for method in sorted(name for name in seconds if "-ecp-" in name):
            for baseline in sorted(name for name in seconds if name.endswith(("-max", "-average"))):
                by_seed = [
                    [float(np.median(seconds[baseline][seed][which] / seconds[method][seed][which]))
                     for seed in seconds[method]]
                    for which in (0, 1)]
                print(f"| {method} | {baseline} | {summary(by_seed[0])} | {summary(by_seed[1])} |")


if __name__ == "__main__":
    print_differences()
    print()
    print_speed_ups()
