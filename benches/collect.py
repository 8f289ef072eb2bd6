#!/usr/bin/env python3
"""How fast many small log objects are collected: `assize collect` beside rclone and `aws s3 sync`, from the same fast local S3.

usage: benches/collect.py [--objects 20000] [--bytes 20000] [--rounds 3] [--logs FILE] [--tools assize,rclone,aws] [--again] [--binary FILE]

Makes that many log objects of about that size (compressed) for 12 accounts in 4 regions, then lets each tool download and upload
all of them, in turn: assize with its built-in policies, which also hashes and evaluates them; rclone from bucket to bucket with
server-side copying off; `aws s3 sync` into a folder and from there into a bucket. The destination is empty before each run; --again
runs every tool once more with nothing new. Printed for each: wall and CPU seconds, objects per second, requests by kind, peak memory,
and the ratios of one round; absolute times do not hold on another machine, ratios nearly.

Needs node, and of the tools those that are to run. assize is built with `cargo build --release`, and reaches STS and CloudTrail at the
emulator of the AWS tests, whose Python packages `cargo test --workspace` installs. Tools and servers share this machine's cores: the
CPU of the S3 server is printed apart.
"""

import argparse
import concurrent.futures
import datetime
import gzip
import hashlib
import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACCOUNTS = [f"{100000000000 + number}" for number in range(1, 13)]
REGIONS = ["us-east-1", "eu-west-1", "ap-northeast-1", "eu-south-1"]
NAMES = [("ec2", "DescribeInstances"), ("ec2", "DescribeSecurityGroups"), ("s3", "GetBucketAcl"), ("sts", "AssumeRole"), ("kms", "Decrypt"),
         ("logs", "CreateLogStream"), ("lambda", "ListFunctions20150331"), ("iam", "GetRole"), ("dynamodb", "DescribeTable")]
# What has to live as long as this process.
KEPT = []
END = datetime.datetime(2026, 10, 8, tzinfo=datetime.UTC)


def log_object(number, total, size):
    """Key and bytes of one log object of about `size` bytes, of its own records; the same for the same arguments."""
    draw = random.Random(number)
    account, region = ACCOUNTS[number % 12], REGIONS[number // 12 % 4]
    time_of = END - datetime.timedelta(days=30) * ((number + 1) / total)
    day, minute = time_of.strftime("%Y/%m/%d"), time_of.strftime("%Y%m%dT%H%MZ")
    suffix = hashlib.sha256(str(number).encode()).hexdigest()[:16]
    key = f"AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{minute}_{suffix}.json.gz"
    # A record of this kind takes about 77 bytes when it is compressed.
    records = ",".join(record(draw, account, region, time_of) for _ in range(max(size // 77, 1)))
    return key.encode(), gzip.compress(f'{{"Records":[{records}]}}'.encode(), 6, mtime=0)


def record(draw, account, region, at):
    source, name = draw.choice(NAMES)
    when = (at - datetime.timedelta(seconds=draw.randrange(60, 900))).strftime("%Y-%m-%dT%H:%M:%SZ")
    digits, person = f"{draw.getrandbits(256):064x}", draw.choice(["alice", "bob", "carol", "deploy"])
    event, request = (f"{part[:8]}-{part[8:12]}-4{part[13:16]}-8{part[17:20]}-{part[20:]}" for part in (digits[:32], digits[32:]))
    return (
        f'{{"eventVersion":"1.10","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE:{person}","arn":"arn:aws:sts::{account}:assumed-role/'
        f'Work/{person}","accountId":"{account}","accessKeyId":"ASIAEXAMPLE{person.upper()}","sessionContext":{{"sessionIssuer":{{"type":"Role",'
        f'"principalId":"AROAEXAMPLE","arn":"arn:aws:iam::{account}:role/Work","accountId":"{account}","userName":"Work"}},"attributes":{{"creationDate":'
        f'"{when}","mfaAuthenticated":"false"}}}}}},"eventTime":"{when}","eventSource":"{source}.amazonaws.com","eventName":"{name}","awsRegion":"{region}",'
        f'"sourceIPAddress":"192.0.2.{draw.randrange(1, 255)}","userAgent":"aws-sdk-go-v2/1.30 os/linux","requestParameters":{{"resource":'
        f'"item-{draw.randrange(10000)}"}},"responseElements":null,"requestID":"{request}","eventID":"{event}","readOnly":true,"eventType":"AwsApiCall",'
        f'"managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management"}}'
    )


def block(first, last, total, size):
    made = (log_object(number, total, size) for number in range(first, last))
    return b"".join(struct.pack("<II", len(key), len(body)) + key + body for key, body in made)


def make_logs(file, total, size):
    starts = range(0, total, 250)
    with concurrent.futures.ProcessPoolExecutor() as pool, open(f"{file}.part", "wb") as out:
        for made in pool.map(block, starts, [min(start + 250, total) for start in starts], [total] * len(starts), [size] * len(starts)):
            out.write(made)
    os.rename(f"{file}.part", file)


class FastS3:
    """The server, for as long as this is open."""

    def __init__(self, logs):
        command = ["node", "--max-old-space-size=4096", ROOT / "tests/aws/fast_s3.mjs", "--until-stdin-closes", "--fill", logs]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().removeprefix("fast_s3: ").strip()
        if not self.url:
            sys.exit("fast_s3.mjs did not start; node is needed")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, method, path):
        with urllib.request.urlopen(urllib.request.Request(self.url + path, method=method)) as answer:
            return answer.read()


def bounded():
    """A tool that goes astray must not take the machine with it."""
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))


def measure(commands, environment, server):
    """Runs commands one after another; wall, CPU and peak memory of all of them, and what the server saw."""
    server.ask("DELETE", "/_fast/calls")
    started, cpu, peak = time.monotonic(), 0.0, 0.0
    for command in commands:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   preexec_fn=bounded)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        # assize says with 3 that something is missing, as it is before the first day of the logs.
        if process.returncode not in ((0, 3) if "collect" in command else (0,)):
            sys.exit(f"{command} failed with {process.returncode}:\n{said.decode(errors='replace')[-2000:]}")
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss / 1024)
    seen = json.loads(server.ask("GET", "/_fast/calls"))
    return {"wall": time.monotonic() - started, "cpu": cpu, "peak": peak, "server": seen["cpu"], "calls": seen["calls"]}


def tools(args, server, folder):
    """What is compared: name to commands."""
    common = {"AWS_ACCESS_KEY_ID": "AKIA123456789012", "AWS_SECRET_ACCESS_KEY": "emulator", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
              "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
              "AWS_ENDPOINT_URL_S3": server.url}
    environment = {**{name: value for name, value in os.environ.items() if not name.startswith("AWS_")}, **common}
    for remote in ("A", "B"):
        environment |= {f"RCLONE_CONFIG_{remote}_TYPE": "s3", f"RCLONE_CONFIG_{remote}_PROVIDER": "Other", f"RCLONE_CONFIG_{remote}_ENDPOINT": server.url,
                        f"RCLONE_CONFIG_{remote}_ENV_AUTH": "true", f"RCLONE_CONFIG_{remote}_REGION": "us-east-1"}
    rclone = ["rclone", "copy", "--config", "/dev/null", "--disable", "copy", "--transfers", "32", "--checkers", "32", "a:source", "b:destination"]
    bare = ["--s3-no-head", "--s3-no-check-bucket", "--use-server-modtime", "--size-only", "--fast-list"]
    local = str(folder / "synchronised")
    all_tools = {
        "rclone": [rclone],
        "rclone-bare": [rclone + bare],
        "aws": [[args.aws, "s3", "sync", "--only-show-errors", "s3://source", local], [args.aws, "s3", "sync", "--only-show-errors", local, "s3://destination"]],
    }
    if "assize" in args.tools.split(","):
        all_tools["assize"] = [[args.binary or build(), "collect", "--config", str(configuration(folder)), "--since", "2026-09-01"]]
        environment["AWS_ENDPOINT_URL"] = emulator().url
    chosen = {name: all_tools[name] for name in args.tools.split(",") if name}
    return chosen, environment, local


def build():
    """The release build of assize."""
    command = ["cargo", "build", "--release", "--workspace", "--message-format=json", "--quiet"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    made = (json.loads(line).get("executable") for line in lines if '"executable":"' in line)
    return next(path for path in made if path.endswith("/assize"))


def configuration(folder):
    """The source copied into the destination, for all accounts and regions, with everything else as it is by default."""
    file = folder / "assize.yaml"
    listed = "\n".join(f'    - {{id: "{account}", name: account-{account[-2:]}, env: prod}}' for account in ACCOUNTS)
    file.write_text(
        f"name: benchmark\naudit: {{bucket: 's3://destination', region: us-east-1}}\nrole: {{name: AssizeAudit, external-id: benchmark}}\n"
        f"accounts:\n  list:\n{listed}\nregions: [{', '.join(REGIONS)}]\nsources:\n  - {{bucket: source, region: us-east-1, mode: copy}}\n"
    )
    return file


class emulator:
    """STS and CloudTrail, for as long as this process lives."""

    def __init__(self):
        cache = pathlib.Path(os.environ.get("ASSIZE_TEST_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "assize")
        made = sorted(cache.glob("venv-*/complete"), key=lambda mark: mark.stat().st_mtime)
        if not made:
            sys.exit(f"no Python packages for the emulator under {cache}; `cargo test --workspace --test aws` installs them")
        command = [made[-1].parent / "bin/python", ROOT / "tests/aws/emulator.py", "--until-stdin-closes"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().removeprefix("emulator: ").strip()
        KEPT.append(self)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=20000)
    parser.add_argument("--bytes", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--logs", type=pathlib.Path, help="keeps the objects in this file, or takes them from it")
    parser.add_argument("--tools", default="assize,rclone,rclone-bare,aws", help="some of assize, rclone, rclone-bare (as few requests as it can), aws")
    parser.add_argument("--binary", help="assize, if it is built already")
    parser.add_argument("--aws", default="aws", help="the AWS CLI")
    parser.add_argument("--again", action="store_true", help="run each tool a second time, with nothing new")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assize-collect-") as folder:
        folder = pathlib.Path(folder)
        logs = args.logs or folder / "logs"
        if not logs.exists():
            started = time.monotonic()
            make_logs(logs, args.objects, args.bytes)
            print(f"made {args.objects} objects, {logs.stat().st_size / args.objects:.0f} bytes each, in {time.monotonic() - started:.0f} s", flush=True)
        with FastS3(logs) as server:
            compare(args, server, folder)


def compare(args, server, folder):
    chosen, environment, local = tools(args, server, folder)
    walls, yardstick = {name: [] for name in chosen}, "assize" if "assize" in chosen else next(iter(chosen))
    for number in range(args.rounds):
        for name, commands in chosen.items():
            server.ask("DELETE", "/_fast/bucket/destination")
            shutil.rmtree(local, ignore_errors=True)
            rows = [("", measure(commands, environment, server))]
            if args.again:
                rows.append((" again", measure(commands, environment, server)))
            walls[name].append(rows[0][1])
            for suffix, row in rows:
                counted = ", ".join(f"{count} {operation}" for operation, count in sorted(row["calls"].items()))
                print(f"round {number + 1}: {name + suffix:18} {row['wall']:7.2f} s wall, {row['cpu']:7.2f} s CPU, {args.objects / row['wall']:7.0f} objects/s, "
                      f"{1e6 * row['cpu'] / args.objects:6.0f} us CPU an object, {row['peak']:5.0f} MiB; server {row['server']:6.2f} s; {counted}", flush=True)
    for name, rows in walls.items():
        for what in ("wall", "cpu"):
            ratios = [row[what] / base[what] for row, base in zip(rows, walls[yardstick])]
            print(f"{name}: {what} {statistics.median(ratios):.2f} x that of {yardstick} (of each round: {', '.join(f'{ratio:.2f}' for ratio in ratios)})")


if __name__ == "__main__":
    main()
