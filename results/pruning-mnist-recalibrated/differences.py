#!/usr/bin/env python3
"""Differences in test MCR between ways to choose a mask, each pair on the same network: mean and 95 % interval (Student).

usage: differences.py [COLLECTION.h5]    (needs python3-h5py)
"""
import math, os, sys
import h5py

SEEDS, T = range(1, 6), 2.776  # Student's t, 97.5 %, 4 degrees of freedom


def mcr(h5, experiment, criterion, ratio):
    found = []
    for seed in SEEDS:
        table = h5[f"{experiment}_{seed}/summary/points"]
        rows = [i for i in range(len(table["point"]))
                if table["criterion"][i].decode() == criterion and abs(float(table["requested_ratio"][i]) - ratio) < 1e-6]
        (row,) = rows
        found.append(float(table["test_mcr"][row]))
    return found


def main(file):
    with h5py.File(file) as h5:
        def line(name, better, other):
            each = [b - a for a, b in zip(mcr(h5, *better), mcr(h5, *other))]
            mean = sum(each) / len(each)
            deviation = math.sqrt(sum((v - mean) ** 2 for v in each) / (len(each) - 1))
            print(f"| {name} | {mean:.2f} ± {T * deviation / math.sqrt(len(each)):.2f} |")

        print("| difference in test MCR, points | mean |\n|---|---:|")
        for kind in ("fresh", "stale"):
            for ratio in (20, 40, 60):
                for other in ("weight-sum", "gamma"):
                    line(f"{kind}, {ratio} % of the maps: {other} − best of 100", (f"maps_{kind}/best", "best-of-n", ratio),
                         (f"maps_{kind}/scores", other, ratio))
        rule = ("kernels_fresh/scores", "reconstruction", 50)
        line("fresh, 50 % of the kernels: best of 1000 − reconstruction", rule, ("thousand/random", "best-of-n", 50))
        line("fresh, 50 % of the kernels: best of 100 around spectral − reconstruction", rule,
             ("thousand/around_spectral", "best-of-n", 50))
        for better in ("best-of-n", "spectral", "reconstruction", "weight-sum-scaled"):
            line(f"75 % of the kernels, retrained: random − {better}", ("retrained/kernels", better, 75),
                 ("retrained/kernels", "random", 75))


main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "pruning-mnist-recalibrated.h5"))
