#!/usr/bin/env python3
"""Accuracy of each method less that of Max, of Average and of random pooling, training by training of the same seed.

Prints means over the seeds with 95 % intervals (Student), in percentage points, of the best epoch and of the last ten.
Of a network whose K was drawn for each batch: under K = 0, and, as "-mean", by the mean of its outputs under the four K.
    python3 results/ecp-mnist-seeds/differences.py
"""
import math
import pathlib
import re
import statistics
import sys

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
                accuracy = [100 - float(mcr) for mcr in curves["test_mcr"]]
                found.setdefault(method + of_mean, {})[int(seed or 1)] = (max(accuracy), statistics.mean(accuracy[-10:]))
    return found


def is_compared(method, baseline):
    if not re.search("-(ecp|random)-", method) or method[:8] != baseline[:8] or method == baseline:
        return False
    # random pooling and ECP of one K are the same function: what they differ by is the noise of a training
    return "random" not in baseline or method.replace("ecp", "random") == baseline


def main():
    print("| method | less | best epoch, points | last ten epochs, points |")
    print("|---|---|---:|---:|")
    found = accuracies()
    for baseline in sorted(name for name in found if "-ecp-" not in name):
        for method in sorted(found):
            if not is_compared(method, baseline):
                continue
            seeds = sorted(set(found[method]) & set(found[baseline]))
            cells = []
            for which in (0, 1):
                values = [found[method][seed][which] - found[baseline][seed][which] for seed in seeds]
                cells.append(f"{statistics.mean(values):+.2f} ± {interval(values):.2f}")
            print(f"| {method} | {baseline} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
