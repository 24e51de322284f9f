#!/usr/bin/env python3
"""Kills fftconv's apps, or lets their calls fail, resumes them, and compares what comes out with an undisturbed run.

    kills.py APPS calls [SCENARIO...]        a kill, and then an error, at every call that changes a file
    kills.py APPS random NUMBER [SCENARIO...]  so many kills at random moments

APPS is the folder of the programs (build/dev/apps). Scenarios: train, overwrite, ecp, prune, collect; all, when none is named.
Everything is compared but times; weights, curves, masks and tables must be the same to the bit. Needs python3-h5py and cc.
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def write_digits(folder):
    """MNIST's files with images of 12 × 12 that a network can learn."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(1)
    for prefix, count in (("train", 60), ("t10k", 20)):
        labels = generator.integers(0, 10, count).astype(np.uint8)
        images = generator.integers(0, 100, (count, 12, 12)).astype(np.uint8)
        for image, label in zip(images, labels):
            image[label % 5 * 2:label % 5 * 2 + 2, label // 5 * 6:label // 5 * 6 + 6] = 255
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, count, 12, 12) + images.tobytes())
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + labels.tobytes())


def changes_by_itself(name):
    """Times and their ratios, dates, and the digests of files that hold some."""
    words = ("seconds", "_time", "speed_up", "summary/calls", "summary/machine", "summary/baseline")
    return any(word in name for word in words)


def contents(path):
    """All that a file holds but times, by name."""
    found = {}

    def add(name, node):
        for key, value in node.attrs.items():
            if key not in ("sha256", "REFERENCE_LIST", "DIMENSION_LIST", "checkpoint_sha256", "created_utc") \
                    and not changes_by_itself(key):
                found[f"{name}@{key}"] = np.asarray(value).tobytes()
        if isinstance(node, h5py.Dataset):
            found[name] = np.asarray(node[()]).tobytes()

    with h5py.File(path, "r") as file:
        file.visititems(lambda name, node: None if changes_by_itself(name) else add(name, node))
    return found


class Scenario:
    """An app, its output and how it is resumed."""

    def __init__(self, apps, data, app, options, out, before=(), flags=()):
        self.command = [str(apps / f"fftconv-{app}"), *options]
        self.data, self.out, self.before, self.flags = data, out, before, list(flags)

    def run(self, folder, flags=(), **kills):
        environment = dict(os.environ, OMP_NUM_THREADS="1", FFTCONV_DATA=str(self.data), **kills)
        return subprocess.Popen([*self.command, *flags], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def prepare(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for source, name in self.before:
            shutil.copy(source, folder / name)

    def flags_to_resume(self, folder):
        """An output that was to be overwritten and still is the old one is overwritten by the next call, too."""
        if self.flags and (folder / self.out).read_bytes() == pathlib.Path(self.before[0][0]).read_bytes():
            return self.flags
        below = [path for suffix in (".points", ".checkpoints") for path in (folder / (self.out + suffix)).glob("*.h5")]
        return ["--resume"] if (folder / self.out).exists() or below else []

    def is_done(self, folder):
        """Whether the same command would be refused, as its work is there."""
        return False

    def resumed(self, folder):
        """Runs it to its end; what it said when it failed."""
        process = self.run(folder, self.flags_to_resume(folder))
        said = process.communicate()[1]
        return "" if process.returncode == 0 else f"status {process.returncode}: {said.strip()}"

    def files(self, folder):
        return sorted(path.relative_to(folder) for path in folder.rglob("*.h5"))

    def difference(self, folder, reference):
        if self.files(folder) != self.files(reference):
            return f"files {set(self.files(folder)) ^ set(self.files(reference))}"
        for name in self.files(reference):
            one, other = contents(folder / name), contents(reference / name)
            for key in one.keys() | other.keys():
                if one.get(key) != other.get(key):
                    return f"{name}: {key}"
        left = [path for path in folder.rglob("*.partial-*")]
        return f"{left[0]} was left" if left else ""


class Collect(Scenario):
    """Another experiment into a collection: before or after, and never less than before."""

    def resumed(self, folder):
        names = []
        with h5py.File(folder / self.out, "r") as file:
            names = list(file)
        if "a" not in names:
            return f"experiments {names}"
        return super().resumed(folder) if "b" not in names else ""

    def is_done(self, folder):
        with h5py.File(folder / self.out, "r") as file:
            return "b" in file

    def flags_to_resume(self, folder):
        return []


def scenarios(apps, folder):
    data = folder / "data"
    write_digits(data / "mnist")
    network = ["--architecture", "1x12x12:3C3-P2-4C3-P2-10Softmax", "--batch", "8", "--validation", "0.25", "--threads", "1"]
    train = [*network, "--epochs", "4", "--keep-best", "--rate", "0.01", "--mode", "per-batch", "--out", "n.h5"]
    prune = ["--train", *network, "--epochs", "2", "--criterion", "l2,best-of-n", "--candidates", "12", "--ratio", "0.25:0.5:0.25",
             "--retrain-epochs", "1", "--timing-rounds", "1", "--compact", "--out", "p.h5"]
    ecp = ["--network", "one-conv", "--method", "max,ecp", "--mode", "1,per-batch", "--epochs", "2", "--batch", "20",
           "--convolution-rounds", "0", "--threads", "1", "--out", "e.h5"]
    found = {"train": Scenario(apps, data, "train", train, "n.h5")}
    old = folder / "old"
    found["train"].prepare(old)
    Scenario(apps, data, "train", [*network, "--epochs", "1", "--seed", "9", "--out", "n.h5"], "n.h5").run(old).wait()
    found["overwrite"] = Scenario(apps, data, "train", train, "n.h5", before=[(old / "n.h5", "n.h5")], flags=["--overwrite"])
    found["ecp"] = Scenario(apps, data, "ecp", ecp, "e.h5")
    found["prune"] = Scenario(apps, data, "prune", prune, "p.h5")
    evaluated = folder / "evaluated"
    evaluated.mkdir()
    for name in ("a", "b"):
        Scenario(apps, data, "evaluate", [str(old / "n.h5"), "--out", f"{name}.h5"], "").run(evaluated).wait()
    Scenario(apps, data, "results", ["collect", "c.h5", "a=a.h5"], "").run(evaluated).wait()
    found["collect"] = Collect(apps, data, "results", ["collect", "c.h5", "b=b.h5"], "c.h5",
                               before=[(evaluated / "c.h5", "c.h5"), (evaluated / "b.h5", "b.h5")])
    return found


def try_calls(scenario, name, folder, shim, numbers):
    """A kill and an error at each of these calls, an undisturbed run's being counted from 1; the failures."""
    reference, tried = folder / f"{name}-whole", folder / f"{name}-tried"
    log = folder / "log"
    scenario.prepare(reference)
    if scenario.run(reference, scenario.flags, LD_PRELOAD=str(shim), KILLS_FOLDER=str(reference), KILLS_LOG=str(log)).wait():
        sys.exit(f"{name}: the undisturbed run failed")
    calls = log.read_text().splitlines()
    chosen = range(1, len(calls) + 1)[numbers]
    lost = 0
    for number in chosen:
        print(f"{name}: call {number} of {len(calls)}", end="\r", file=sys.stderr)
        for mode in ("kill", "error"):
            scenario.prepare(tried)
            process = scenario.run(tried, scenario.flags, LD_PRELOAD=str(shim), KILLS_FOLDER=str(tried), KILLS_AT=str(number),
                                   KILLS_MODE=mode)
            said = process.communicate()[1]
            allowed = (-signal.SIGKILL, 0) if mode == "kill" else (0, 1)
            wrong = f"status {process.returncode}: {said.strip()}" if process.returncode not in allowed else ""
            # After an error that did not matter the run ended well, and there is nothing to do.
            if process.returncode != 0:
                wrong = wrong or scenario.resumed(tried)
            wrong = wrong or scenario.difference(tried, reference)
            if wrong:
                lost += 1
                print(f"{name}: {mode} at {calls[number - 1]}: {wrong}", flush=True)
    print(f"{name}: {len(chosen)} of {len(calls)} calls, a kill and an error at each: {lost} lost", flush=True)
    return lost


def try_random(scenario, name, folder, kills, seed):
    """So many kills at random moments, each run resumed until it ends, and compared; the runs that differ."""
    chance = random.Random(seed)
    reference, tried = folder / f"{name}-whole", folder / f"{name}-tried"
    scenario.prepare(reference)
    start = time.monotonic()
    if scenario.run(reference, scenario.flags).wait():
        sys.exit(f"{name}: the undisturbed run failed")
    whole = time.monotonic() - start
    killed = lost = runs = 0
    while killed < kills:
        scenario.prepare(tried)
        runs, flags, wrong = runs + 1, scenario.flags, ""
        for _ in range(chance.randint(1, 6)):
            if scenario.is_done(tried):
                break
            process = scenario.run(tried, flags)
            try:
                said = process.communicate(timeout=whole * 1.1 * chance.random())[1]
                if process.returncode != 0:
                    wrong = f"status {process.returncode}: {said.strip()}"
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
            flags = scenario.flags_to_resume(tried)
        else:
            wrong = scenario.resumed(tried)
        wrong = wrong or scenario.difference(tried, reference)
        if wrong:
            lost += 1
            print(f"{name}: run {runs}: {wrong}", flush=True)
    print(f"{name}: {killed} kills in {runs} runs: {lost} not as the undisturbed one", flush=True)
    return lost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apps", type=pathlib.Path)
    parser.add_argument("what", choices=["calls", "random"])
    parser.add_argument("rest", nargs="*", help="of random: the number of kills; scenarios")
    parser.add_argument("--first", type=int, default=1, help="the first call: where a run of this script was stopped")
    parser.add_argument("--every", type=int, default=1, help="only every n-th call")
    parser.add_argument("--seed", type=int, default=1, help="of random moments")
    arguments = parser.parse_args()
    rest = list(arguments.rest)
    kills = int(rest.pop(0)) if arguments.what == "random" else 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shim = folder / "shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, HERE / "shim.c", "-ldl"], check=True)
        known = scenarios(arguments.apps.resolve(), folder)
        chosen = rest or list(known)
        lost = 0
        for each in chosen:
            if arguments.what == "calls":
                lost += try_calls(known[each], each, folder, shim, slice(arguments.first - 1, None, arguments.every))
            else:
                lost += try_random(known[each], each, folder, -(-kills // len(chosen)), arguments.seed)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
