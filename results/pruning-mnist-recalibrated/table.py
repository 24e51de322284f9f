#!/usr/bin/env python3
"""Tables of run.sh's results: test MCR without (or after) retraining, mean over the seeds with a 95 % interval.

usage: table.py FOLDER    (needs python3-h5py, python3-numpy)
"""
import glob, math, re, sys
from collections import defaultdict
import h5py

# Student's t, 97.5 %, by degrees of freedom
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def points(file):
    with h5py.File(file) as h5:
        table = h5["summary/points"]
        columns = {name: table[name][()] for name in table}
    for i in range(len(columns["point"])):
        yield {name: values[i] for name, values in columns.items()}


def main(folder):
    groups = defaultdict(list)
    for file in sorted(glob.glob(folder + "/*.h5")):
        match = re.fullmatch(r".*/((?:kernel|map)-.+)-(\d+)\.h5", file)
        if not match:
            continue
        for point in points(file):
            criterion = point["criterion"].decode() if isinstance(point["criterion"], bytes) else point["criterion"]
            ratio = float(point["requested_ratio"])
            groups[match[1], criterion, ratio].append((float(point["test_mcr_before"]), float(point["test_mcr"])))
    print("| run | criterion | ratio, % | seeds | test MCR before retraining, % | after, % |")
    print("|---|---|---:|---:|---:|---:|")
    for (run, criterion, ratio), values in sorted(groups.items()):
        print(f"| {run} | {criterion} | {ratio:.0f} | {len(values)} |", end="")
        for column in zip(*values):
            mean = sum(column) / len(column)
            text = f"{mean:.2f}"
            if len(column) > 1:
                deviation = math.sqrt(sum((v - mean) ** 2 for v in column) / (len(column) - 1))
                text += f" ± {T[len(column) - 1] * deviation / math.sqrt(len(column)):.2f}"
            print(f" {text} |", end="")
        print()


main(sys.argv[1])
