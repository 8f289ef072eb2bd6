#!/usr/bin/env python3
"""One trail's logs and digests, whole and tampered with in one way after another: what verifiers are compared on.

    python chain.py URL

Every case has an account, a trail and a bucket of its own in the emulator, and the same chain in it: windows that are not aligned to
the hour, two log objects in each but for an empty one, another key from the fifth digest on, half an hour after the sixth a stop, and
a restart an hour later. Prints JSON: the public keys, and each case with `account`, `arn`, `bucket`, `since`, `until` and
`objects`, the keys of digests ("digest 3") and logs ("log 3.1") by the number of their window, and which of them are `there`.
"""

import base64
import datetime
import gzip
import json
import sys

import logs
import seed
import signing

REGION = "us-east-1"
KEYS = (REGION, f"{REGION}/next")
# A trail's name may hold what parts the names of digests.
TRAIL = {"name": "audit_trail.of-ours", "region": REGION}
PREFIX = "AWSLogs/"
START = datetime.datetime(2026, 10, 1, 14, 1, 31, tzinfo=logs.UTC)
HOUR = datetime.timedelta(hours=1)
EMPTY, STOPPED = 4, 6


class Chain:
    """The objects of one account by label, in order; tampering changes them before they are put anywhere."""

    def __init__(self, account):
        self.account, self.bucket = account, f"trail-logs-{account}"
        self.objects = {}
        previous = None
        for number, window in windows():
            # A restart names nothing before it.
            previous = self.add(number, window, None if number == STOPPED + 1 else previous)

    def add(self, number, window, previous):
        draw = logs.draw_for("chain", number)
        made = []
        for one in range(1, 1 if number == EMPTY else 3):
            delivered = window[0] + datetime.timedelta(minutes=10 * one)
            made.append(logs.log_object(draw, PREFIX, self.account, REGION, delivered))
            self.objects[f"log {number}.{one}"] = made[-1]
        return self.digest(number, window, made, previous)

    def digest(self, number, window, made, previous, signer=None):
        signer = signer or KEYS[number > 4]
        digest = logs.digest_object(self.bucket, PREFIX, TRAIL, self.account, REGION, window, made, previous, signer)
        self.objects[f"digest {number}"] = digest
        return digest

    def logs_of(self, number):
        return [one for label, one in self.objects.items() if label.startswith(f"log {number}.")]

    def again(self, number, without, signer=None):
        """The digest of a window anew, without one of its log objects."""
        window, before = dict(windows())[number], self.objects[f"digest {number - 1}"]
        left = [one for one in self.logs_of(number) if one is not self.objects[without]]
        return self.digest(number, window, left, before, signer)


def windows():
    """By number; after the sixth there is none for an hour, and the seventh begins a chain of its own."""
    at = START
    for number in range(1, 11):
        length = HOUR / 2 if number == STOPPED else HOUR
        yield number, (at, at + length)
        at += length + (HOUR if number == STOPPED else 0 * HOUR)


# The ways of tampering


def repack(one, change):
    one["bytes"] = gzip.compress(change(gzip.decompress(one["bytes"])), mtime=0)


def log_added(chain):
    draw = logs.draw_for("added")
    chain.objects["log 3.3"] = logs.log_object(draw, PREFIX, chain.account, REGION, START + 2.5 * HOUR)


def older_in_its_place(chain):
    older = chain.objects["digest 2"]
    chain.objects["digest 3"] |= {"bytes": older["bytes"], "metadata": older["metadata"]}


def other_signature(chain):
    text = gzip.decompress(chain.objects["digest 10"]["bytes"]).decode()
    own, body = f"{REGION}/own", json.loads(text)
    signed = "\n".join([body["digestEndTime"], f"{chain.bucket}/{body['digestS3Object']}",
                        logs.inflated_sha256(chain.objects["digest 10"]), body["previousDigestSignature"]])
    chain.objects["digest 10"]["metadata"]["signature"] = signing.sign(own, signed)


CASES = {
    "untouched": lambda chain: None,
    "a log altered": lambda chain: repack(chain.objects["log 3.1"], lambda text: text + b" "),
    "a log deleted": lambda chain: chain.objects.pop("log 3.1"),
    "a log added": log_added,
    "bytes after a log's gzip": lambda chain: chain.objects["log 3.1"].update(bytes=chain.objects["log 3.1"]["bytes"] + b"more"),
    "a digest altered": lambda chain: repack(chain.objects["digest 3"], lambda text: text + b" "),
    "a digest deleted": lambda chain: chain.objects.pop("digest 3"),
    "two digests deleted": lambda chain: [chain.objects.pop(f"digest {number}") for number in (3, 4)],
    "a digest replaced by an older one": older_in_its_place,
    "a digest that the next one does not name": lambda chain: chain.again(3, without="log 3.1"),
    "re-signed with a key of one's own": other_signature,
    "re-signed, and the own key named": lambda chain: chain.again(10, without="log 10.1", signer=f"{REGION}/own"),
    "bytes after a digest's gzip": lambda chain: chain.objects["digest 3"].update(bytes=chain.objects["digest 3"]["bytes"] + b"more"),
    "signature algorithm none": lambda chain: chain.objects["digest 3"]["metadata"].update({"signature-algorithm": "none"}),
    "the newest digests deleted": lambda chain: [chain.objects.pop(f"digest {number}") for number in (9, 10)],
    "all digests deleted": lambda chain: [chain.objects.pop(f"digest {number}") for number in range(1, 11)],
}


def main():
    scene = seed.Scenario(sys.argv[1], {"since": "2026-10-01"})
    year = datetime.timedelta(days=365)
    listed = [signing.listed(name, (START - year).timestamp(), (START + year).timestamp()) for name in KEYS]
    scene.post("/public-keys", {"region": REGION, "keys": listed})
    cases = []
    for number, (name, tamper) in enumerate(CASES.items()):
        account = f"2000000000{number:02}"
        chain = Chain(account)
        places = {label: one["key"] for label, one in chain.objects.items()}
        tamper(chain)
        places |= {label: one["key"] for label, one in chain.objects.items()}
        scene.client("s3", account).create_bucket(Bucket=chain.bucket)
        scene.trail(account, TRAIL, chain.bucket)
        scene.post("/objects", {"bucket": chain.bucket, "objects": [
            {"key": one["key"], "body": base64.b64encode(one["bytes"]).decode(), "metadata": one.get("metadata", {})}
            for one in chain.objects.values()]})
        cases.append({"name": name, "account": account, "arn": f"arn:aws:cloudtrail:{REGION}:{account}:trail/{TRAIL['name']}",
                      "bucket": chain.bucket, "since": logs.stamp(START), "until": logs.stamp(dict(windows())[10][1]), "objects": places,
                      "there": list(chain.objects)})
    keys = [{"fingerprint": one["Fingerprint"], "value": one["Value"]} for one in listed]
    json.dump({"keys": keys, "cases": cases}, sys.stdout)


if __name__ == "__main__":
    main()
