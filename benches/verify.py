#!/usr/bin/env python3
"""CPU of `assize verify`, as a ratio to inflating and hashing the same objects and doing nothing else.

usage: benches/verify.py FOLDER [--accounts 12] [--regions 4] [--hours 720] [--logs 200000] [--runs 3]

Writes chains of digests with real RSA signatures and the log objects that they name into FOLDER (once; about 1 GB as asked by
default), in CloudTrail's own layout, then runs both programs in turn. Needs the package `cryptography`.
"""
import argparse
import datetime
import gzip
import hashlib
import json
import pathlib
import random
import statistics
import sys

from ratio import build, measure

UTC = datetime.UTC
START = datetime.datetime(2026, 10, 1, 14, 1, 31, tzinfo=UTC)
HOUR = datetime.timedelta(hours=1)
BUCKET = "bench-logs"
REGIONS = ["us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "eu-central-1", "ap-southeast-2"]


def text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def contents(count):
    """Log objects of about 20 KB of JSON, with the repetition of real ones."""
    draw = random.Random(7)
    made = []
    for _ in range(count):
        records = [{
            "eventVersion": "1.11", "eventTime": text(START + HOUR * draw.random()), "eventSource": "ec2.amazonaws.com",
            "eventName": draw.choice(["DescribeInstances", "RunInstances", "DescribeVolumes"]), "awsRegion": "eu-west-1",
            "sourceIPAddress": f"192.0.2.{draw.randrange(256)}", "userAgent": "aws-cli/2.31.0",
            "requestParameters": {"instancesSet": {"items": [{"instanceId": f"i-{draw.getrandbits(64):016x}"}]}},
            "requestID": f"{draw.getrandbits(128):032x}", "eventID": f"{draw.getrandbits(128):032x}", "readOnly": True,
            "userIdentity": {"type": "AssumedRole", "principalId": f"AROA{draw.getrandbits(64):016X}:bench",
                             "arn": "arn:aws:sts::111122223333:assumed-role/bench/bench", "accountId": "111122223333"},
        } for _ in range(32)]
        plain = json.dumps({"Records": records}).encode()
        made.append((gzip.compress(plain, 6, mtime=0), hashlib.sha256(plain).hexdigest()))
    return made


def chain(folder, key, fingerprint, account, region, hours, logs, made):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    draw = random.Random(f"{account}{region}")
    previous, each = None, logs / hours
    for hour in range(hours):
        start, end = START + HOUR * hour, START + HOUR * (hour + 1)
        files = []
        for number in range(int(each * (hour + 1)) - int(each * hour)):
            at = start + datetime.timedelta(seconds=60 + 300 * (number % 11))
            name = f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{draw.getrandbits(64):016x}.json.gz"
            place = f"AWSLogs/{account}/CloudTrail/{region}/{at:%Y/%m/%d}/{name}"
            stored, digest = draw.choice(made)
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stored)
            files.append({"s3Bucket": BUCKET, "s3Object": place, "hashValue": digest, "hashAlgorithm": "SHA-256",
                          "newestEventTime": text(at), "oldestEventTime": text(start)})
        place = (f"AWSLogs/{account}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/"
                 f"{account}_CloudTrail-Digest_{region}_bench_us-east-1_{end:%Y%m%dT%H%M%SZ}.json.gz")
        last = previous or (None, None, None)
        body = json.dumps({
            "awsAccountId": account, "digestStartTime": text(start), "digestEndTime": text(end), "digestS3Bucket": BUCKET,
            "digestS3Object": place, "digestPublicKeyFingerprint": fingerprint, "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None, "oldestEventTime": None,
            "previousDigestS3Bucket": BUCKET if previous else None, "previousDigestS3Object": last[0],
            "previousDigestHashValue": last[1], "previousDigestHashAlgorithm": "SHA-256" if previous else None,
            "previousDigestSignature": last[2], "logFiles": files}).encode()
        digest = hashlib.sha256(body).hexdigest()
        signed = f"{text(end)}\n{BUCKET}/{place}\n{digest}\n{last[2] or 'null'}".encode()
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256()).hex()
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(body, 6, mtime=0))
        previous = (place, digest, signature)


def write(folder, args):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    fingerprint = hashlib.md5(der).hexdigest()
    keys = folder / "keys"
    keys.mkdir(parents=True)
    (keys / f"{fingerprint}.der").write_bytes(der)
    made, cells = contents(500), args.accounts * args.regions
    for account in range(args.accounts):
        for region in REGIONS[:args.regions]:
            chain(folder / "logs", key, fingerprint, f"{100000000000 + account}", region, args.hours, args.logs // cells, made)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--accounts", type=int, default=12)
    parser.add_argument("--regions", type=int, default=4)
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--logs", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    if not (args.folder / "logs").exists():
        write(args.folder, args)
    assize, yardstick = build()
    verify = [assize, "verify", args.folder / "logs", "--keys", args.folder / "keys"]
    hashing = [yardstick, args.folder / "logs", "2", "sha256"]
    measure(verify), measure(hashing)
    rows = []
    for number in range(args.runs):
        (cpu, wall, memory), (base, base_wall, _) = measure(verify), measure(hashing)
        rows.append(cpu / base)
        print(f"run {number + 1}: verify {cpu:.2f} s CPU, {wall:.2f} s, {memory:.0f} MiB; inflate and hash {base:.2f} s CPU, "
              f"{base_wall:.2f} s; ratio {cpu / base:.2f}")
    print(json.dumps({"ratio": {"min": round(min(rows), 2), "median": round(statistics.median(rows), 2), "max": round(max(rows), 2)}}))


if __name__ == "__main__":
    sys.exit(main())
