#!/usr/bin/env python3
"""`assize verify` against `aws cloudtrail validate-logs`: the same chain in the emulator of the tests, each program's own CPU and time.

usage: PYTHON benches/validate_logs.py [--hours 720] [--logs 4000] [--runs 3]

PYTHON is that of the tests' environment (`~/.cache/assize/venv-*/bin/python3`, made by `cargo test`): it has the emulator and the
command `aws`. Build `assize` first, with `cargo build --release`.
"""
import argparse
import base64
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "aws"))

import logs  # noqa: E402
import seed  # noqa: E402
import signing  # noqa: E402
from ratio import target  # noqa: E402

REGION, ACCOUNT, BUCKET, PREFIX = "us-east-1", "200000000000", "bench-logs", "AWSLogs/"
TRAIL = {"name": "bench", "region": REGION}
START = datetime.datetime(2026, 10, 1, 14, 1, 31, tzinfo=logs.UTC)
HOUR = datetime.timedelta(hours=1)


def fill(scene, hours, count):
    """One chain, put into the emulator some hundred objects at a time."""
    year = datetime.timedelta(days=365)
    key = signing.listed(REGION, (START - year).timestamp(), (START + year).timestamp())
    scene.post("/public-keys", {"region": REGION, "keys": [key]})
    scene.client("s3", ACCOUNT).create_bucket(Bucket=BUCKET)
    scene.trail(ACCOUNT, TRAIL, BUCKET)
    draw, previous, waiting = logs.draw_for("bench"), None, []
    for hour in range(hours):
        window, made = (START + HOUR * hour, START + HOUR * (hour + 1)), []
        for number in range(count * (hour + 1) // hours - count * hour // hours):
            made.append(logs.log_object(draw, PREFIX, ACCOUNT, REGION, window[0] + datetime.timedelta(minutes=1 + 5 * number)))
        previous = logs.digest_object(BUCKET, PREFIX, TRAIL, ACCOUNT, REGION, window, made, previous, REGION)
        waiting += [*made, previous]
        if len(waiting) > 400 or hour == hours - 1:
            scene.post("/objects", {"bucket": BUCKET, "objects": [
                {"key": one["key"], "body": base64.b64encode(one["bytes"]).decode(), "metadata": one.get("metadata", {})} for one in waiting]})
            waiting = []
    return key


def measure(command, env):
    started = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, process.returncode, said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--logs", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    emulator = subprocess.Popen([sys.executable, ROOT / "tests/aws/emulator.py", "--until-stdin-closes"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
    url = next(line for line in emulator.stdout if line.startswith("emulator: ")).removeprefix("emulator: ").strip()
    scene = seed.Scenario(url, {"since": "2026-10-01"})
    key = fill(scene, args.hours, args.logs)
    env = {"PATH": os.environ["PATH"], "HOME": tempfile.mkdtemp(), "AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
           "AWS_ACCESS_KEY_ID": f"AKIA{ACCOUNT}", "AWS_SECRET_ACCESS_KEY": "emulator", "AWS_EC2_METADATA_DISABLED": "true"}
    keys = pathlib.Path(env["HOME"]) / "keys"
    keys.mkdir()
    (keys / f"{key['Fingerprint']}.der").write_bytes(base64.b64decode(key["Value"]))
    end = logs.stamp(START + HOUR * args.hours)
    arn = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{TRAIL['name']}"
    theirs = [sys.executable, pathlib.Path(sys.executable).parent / "aws", "cloudtrail", "validate-logs", "--trail-arn", arn, "--start-time",
              logs.stamp(START), "--end-time", end]
    ours = [target("release") / "assize", "verify", f"s3://{BUCKET}/{PREFIX}", "--keys", keys, "--until", end]
    rows = []
    for number in range(args.runs):
        (cpu, wall, code, said), (their_cpu, their_wall, their_code, their_said) = measure(ours, env), measure(theirs, env)
        if (code, their_code) != (0, 0):
            sys.exit(f"assize ended with {code}:\n{said}\nvalidate-logs ended with {their_code}:\n{their_said}")
        rows.append(their_cpu / cpu)
        print(f"run {number + 1}: assize {cpu:.2f} s CPU, {wall:.1f} s; validate-logs {their_cpu:.2f} s CPU, {their_wall:.1f} s; "
              f"{their_cpu / cpu:.1f} times the CPU, {their_wall / wall:.1f} times the time")
    print(json.dumps({"cpu": {"min": round(min(rows), 1), "median": round(statistics.median(rows), 1), "max": round(max(rows), 1)}}))
    emulator.stdin.close()


if __name__ == "__main__":
    main()
