#!/usr/bin/env python3
"""Whole-process speed of `assize scan`, as a ratio of CPU to inflating the same files and doing nothing else.

usage: benches/ratio.py CORPUS [--policies FOLDER] [--runs 5] [--threads 2] [--format text]

Builds both programs in release mode, then runs them in turn, A B A B, and prints user + system CPU seconds, peak memory
and the ratio run by run. Ratios of one run hold on a noisy machine; absolute times do not.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def target(name):
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / name


def build():
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=True)
    folder = ROOT / "benches" / "inflate-only"
    env = {**os.environ, "CARGO_TARGET_DIR": str(target("yardstick"))}
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=folder, env=env, check=True)
    return target("release") / "assize", target("yardstick") / "release" / "inflate-only"


def measure(command):
    """Runs a command; returns CPU seconds, wall seconds and peak memory in MiB of that process alone."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1, 3, 4):
        sys.exit(f"{command[0]} failed with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--policies")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--format", default="text", help="text reads no evidence again; json, html and markdown do")
    args = parser.parse_args()
    assize, yardstick = build()
    scan = [assize, "scan", args.corpus, "--threads", args.threads, "--format", args.format]
    if args.policies:
        scan += ["--policies", args.policies]
    inflate = [yardstick, args.corpus, args.threads]
    measure(scan), measure(inflate)
    rows = []
    for number in range(args.runs):
        (cpu, wall, memory), (base, base_wall, _) = measure(scan), measure(inflate)
        rows.append(cpu / base)
        print(f"run {number + 1}: scan {cpu:.2f} s CPU, {wall:.2f} s, {memory:.0f} MiB; inflate {base:.2f} s CPU, {base_wall:.2f} s; ratio {cpu / base:.2f}")
    print(json.dumps({"ratio": {"min": round(min(rows), 2), "median": round(statistics.median(rows), 2), "max": round(max(rows), 2)}}))


if __name__ == "__main__":
    main()
