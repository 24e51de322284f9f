#!/usr/bin/env python3
"""Compares the speed of two builds of fftconv-bench, layer by layer: the two take turns, and ratios are taken within a turn.

    python3 apps/bench/two_builds.py BEFORE/fftconv-bench AFTER/fftconv-bench [--turns 7] [options of fftconv-bench]

Prints the median and the quartiles of what the fastest call took before over what it took after: above 1 the later
build is faster. Both must know the options (`--engine fft --peer direct` unless given); nothing else should run.
"""
import argparse
import statistics
import subprocess
import sys

LAYERS = ["64,64,32,5,2/16", "32,64,16,5,2/64", "20,32,12,5,0/50", "1,20,28,5,0/50", "128,128,32,3,1/16",
          "128,128,16,3,1/64", "256,256,8,3,1/128"]


def fastest(program, layer, options):
    shape, batch = layer.split("/")
    command = [program, "--layer", shape, "--batch", batch, "--threads", "1", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in done.stdout.splitlines() if "|" in line]
    column = next(row.index("fastest") for row in rows if "fastest" in row)
    return next(float(row[column]) for row in rows if len(row) > column and row[0] in ("fft", "auto", "spatial"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--layers", nargs="+", default=LAYERS, metavar="LAYER/BATCH")
    arguments, options = parser.parse_known_args()
    options = [*options, *(["--engine", "fft"] if "--engine" not in options else []),
               *(["--peer", "direct"] if "--peer" not in options else [])]
    print("| layer / batch | before, ms | after, ms | before / after | quartiles |\n|---|---:|---:|---:|---:|")
    for layer in arguments.layers:
        times = []
        for turn in range(arguments.turns):
            order = (arguments.before, arguments.after) if turn % 2 == 0 else (arguments.after, arguments.before)
            took = {program: fastest(program, layer, options) for program in order}
            times.append((took[arguments.before], took[arguments.after]))
        before, after = (statistics.median(side) for side in zip(*times))
        low, middle, high = statistics.quantiles([b / a for b, a in times], n=4)
        print(f"| {layer} | {before:.3f} | {after:.3f} | {middle:.3f} | {low:.3f} to {high:.3f} |", flush=True)


main()
