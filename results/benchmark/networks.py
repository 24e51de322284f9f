#!/usr/bin/env python3
"""How many times as fast as each rival whole networks are, inference: medians of the ratios by round.

Prints a row for each network, number of threads and share of pruned kernels (the rivals compute them all), from the
experiments inference/… and avx2/inference/… of benchmark.h5.
    python3 results/benchmark/networks.py
"""
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib" / "python"))
import fftconv  # noqa: E402

RIVALS = ("ONNX Runtime", "ncnn")
NETWORKS = {  # experiment: what to call it
    "cnn_small": "cnn-small, 128 images",
    "cnn_small_groups": "cnn-small, 128 images, kernel groups",
    "cnn_small_8": "cnn-small, 8 images",
    "cnn_small_one_image": "cnn-small, 1 image",
    "two_conv": "two-conv, 50 images",
    "two_conv_one_image": "two-conv, 1 image",
}
FLOORS = {  # over ONNX Runtime with AVX2: experiment, threads, % pruned
    ("cnn_small", 1, 0): 2.8, ("cnn_small", 1, 75): 4.3, ("cnn_small", 1, 90): 6, ("cnn_small_groups", 1, 75): 5,
    ("cnn_small_8", 1, 0): 2.4, ("cnn_small_one_image", 1, 0): 1.3, ("cnn_small_one_image", 2, 0): 1.1,
    ("two_conv", 1, 0): 2.5, ("two_conv", 2, 0): 2.5, ("two_conv_one_image", 1, 0): 1.0, ("two_conv_one_image", 2, 0): 1.0,
}


def ratios(result):
    """{(threads, % pruned): {rival: rival / this}} of inference, medians by round"""
    rows, rounds = result.tables["benchmark"], result.tables["rounds"]
    row_of, seconds = np.asarray(rounds["row"]), np.asarray(rounds["seconds"])
    found, rivals = {}, {}
    for row, (work, contender, threads, pruned) in enumerate(
            zip(*(np.asarray(rows[name]) for name in ("work", "contender", "threads", "pruned")))):
        if not work.endswith(", inference"):
            continue
        times = seconds[row_of == row]
        rival = next((name for name in RIVALS if contender.startswith(name)), None)
        if rival:
            rivals[int(threads), rival] = times
        elif contender == "auto":
            found[int(threads), round(100 * pruned)] = {
                name: float(np.median(rivals[int(threads), name] / times)) for name in RIVALS}
    return found


def main():
    print("| network | threads | pruned, % | AVX2: over ONNX Runtime | over ncnn | AVX-512: over ONNX Runtime | over ncnn | floor of the first |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with fftconv.open(HERE / "benchmark.h5") as results:
        for experiment, name in NETWORKS.items():
            wide, narrow = (ratios(results[f"{folder}inference/{experiment}"]) for folder in ("", "avx2/"))
            for threads, pruned in sorted(narrow):
                cells = [f"{side[threads, pruned][rival]:.2f}" for side in (narrow, wide) for rival in RIVALS]
                floor = FLOORS.get((experiment, threads, pruned), "")
                print(f"| {name} | {threads} | {pruned} | {' | '.join(cells)} | {floor} |")


if __name__ == "__main__":
    main()
