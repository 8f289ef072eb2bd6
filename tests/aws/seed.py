#!/usr/bin/env python3
"""The organisation that tests collect from: seeded into a running emulator, grown, broken and repaired.

    python seed.py URL create  '{"since": "2026-10-01", "days": 7, "seed": 1, "external_id": "…"}'
    python seed.py URL deliver '{"since": "2026-10-08", "days": 1}'         the following days; create's options are repeated,
                                                                            "cells": [[account, region]] limits it to these
    python seed.py URL late    '{"account", "region", "event_time", "delivered"}'  old events, delivered and dated late
    python seed.py URL old-key '{"account", "region", "event_time", "delivered"}'  a key dated in the past that appears only now
    python seed.py URL replace '{"bucket", "key"}'                          other bytes under the same key
    python seed.py URL archive '{"bucket", "key"}'                          the object is moved to Glacier
    python seed.py URL history '{"account", "region", "since", "days"}'     the records of that time, in Event history only
    python seed.py URL repair  '{"what": "denied" | "not-enrolled" | "region" | "kms"}'

Twelve accounts in two environments and four regions. Eight are in AWS Organizations, under an organisation trail that delivers
to the bucket of the log archive account; four are not, and each has a trail and a bucket of its own. Broken from the start:
the role of one refuses, one has no role yet, one has not enabled a region, and of one the objects cannot be decrypted.

The same options give the same bytes, and delivering day by day gives the same objects as delivering all days at once. Prints JSON:
what was put where, and which records policies should find.
"""

import base64
import datetime
import gzip
import hashlib
import json
import sys
import urllib.request

import logs
import signing

ORGANIZATION = "o-assize0001"
MANAGEMENT, HUB, LOG_ARCHIVE = "100000000001", "100000000002", "100000000003"
ROLE = "AssizeAudit"
REGIONS = ["us-east-1", "eu-west-1", "ap-northeast-1", "eu-south-1"]
# eu-south-1 has to be asked for.
DISABLED = ("100000000005", "eu-south-1")
NOT_ENROLLED, DENIED, UNDECRYPTABLE, ENCRYPTED = "100000000008", "100000000011", "100000000012", "100000000009"
ACCOUNTS = {
    MANAGEMENT: ("management", "prod", ""),
    HUB: ("audit", "prod", "Security"),
    LOG_ARCHIVE: ("log-archive", "prod", "Security"),
    "100000000004": ("shop-prod", "prod", "Workloads/Prod"),
    "100000000005": ("shop-dev", "dev", "Workloads/Dev"),
    "100000000006": ("data-prod", "prod", "Workloads/Prod"),
    "100000000007": ("data-dev", "dev", "Workloads/Dev"),
    NOT_ENROLLED: ("new-dev", "dev", "Workloads/Dev"),
    ENCRYPTED: ("bank-prod", "prod", None),
    "100000000010": ("bank-dev", "dev", None),
    DENIED: ("lab-dev", "dev", None),
    UNDECRYPTABLE: ("lab-prod", "prod", None),
}
UNITS = ["Security", "Workloads", "Workloads/Prod", "Workloads/Dev"]
ORGANIZATION_BUCKET, ORGANIZATION_TRAIL = "organization-trail-logs", {"name": "organization", "region": "us-east-1"}
OWN_TRAIL = {"name": "main", "region": "us-east-1"}
# Which day of the period holds what; account and region as they are recorded.
PLANTED = [
    (1, "100000000004", "us-east-1", "trail-stopped-or-narrowed"),
    (2, ENCRYPTED, "us-east-1", "console-login-without-mfa"),
    (3, "100000000006", "eu-west-1", "security-group-opened-to-world"),
    (4, UNDECRYPTABLE, "ap-northeast-1", "trail-stopped-or-narrowed"),
    (5, DENIED, "us-east-1", "console-login-without-mfa"),
]
DEFAULTS = {"seed": 1, "since": "2026-10-01", "days": 7, "external_id": "external-id", "objects_per_day": 3, "organization_prefix": "",
            "organization_readers": [HUB], "first": None, "cells": None, "region_enabled": False,
            "digests_since": None, "digests_until": None,
            # [day of the period, account, region, how many]: calls that were refused to one person at once.
            "storms": []}


class Scenario:
    def __init__(self, url, options):
        self.url, self.options = url.rstrip("/"), DEFAULTS | options
        self.seed = self.options["seed"]
        # Planted records are counted from the first day of all.
        self.first = logs.midnight(self.options["first"] or self.options["since"])
        self.result = {"objects": [], "planted": []}
        self.digests_since = logs.midnight(self.options["digests_since"]) if self.options["digests_since"] else self.first
        # By account, region and day: each names the one before it.
        self.digests = {}

    def post(self, path, body, method="POST"):
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator{path}", method=method, data=data, headers={"Content-Type": "text/plain"})
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def client(self, service, account, region="us-east-1"):
        # Loading it costs more than most commands.
        import boto3
        from botocore.config import Config

        return boto3.client(service, region_name=region, endpoint_url=self.url, aws_access_key_id=f"AKIA{account}",
                            aws_secret_access_key="emulator", config=Config(s3={"addressing_style": "path"}))

    # Commands

    def create(self):
        self.post("/organization", {
            "management": MANAGEMENT, "id": ORGANIZATION, "units": UNITS, "delegated": [HUB],
            "accounts": [{"id": account, "name": name, "unit": unit or None, "tags": {"env": env}}
                         for account, (name, env, unit) in ACCOUNTS.items() if unit is not None],
        })
        for account in ACCOUNTS:
            regions = {"enabled": [region for region in REGIONS if (account, region) != DISABLED],
                       "disabled": [region for region in REGIONS if (account, region) == DISABLED]}
            self.post("/regions", {"account": account} | regions)
            self.post("/strict", {"account": account})
            if account != NOT_ENROLLED:
                self.enrol(account, deny=account == DENIED)
        self.trails()
        self.public_keys()
        self.post("/faults", {"name": "kms", "service": "s3", "operation": "GetObject", "path": f"^/{bucket_of(UNDECRYPTABLE)}/",
                              "deny": {"by": "kms", "key": f"arn:aws:kms:us-east-1:{UNDECRYPTABLE}:key/{logs.event_id(logs.draw_for('key'))}"}})
        self.markers()
        self.deliver()

    def deliver(self):
        """All days from `since` on: log objects, one digest a day, and now and then an Insight. Before the first day empty
        digests from `digests_since` on, after the last one an empty digest up to `digests_until`, if these are given."""
        since, days = logs.midnight(self.options["since"]), self.options["days"]
        for account, region in self.options["cells"] or cells(self.options["region_enabled"]):
            for day in range((since - self.digests_since).days if since == self.first else 0):
                self.take(place_of(account), self.digest(account, region, self.digests_since + datetime.timedelta(days=day)))
            for day in range(days):
                self.deliver_day(account, region, since + datetime.timedelta(days=day))
            if self.options["digests_until"]:
                self.take(place_of(account), self.last_digest(account, region, since + datetime.timedelta(days=days - 1)))
        self.put()
        newest = max((one["delivered"] for one in self.result["objects"]), default=None)
        if newest:
            self.delivered(logs.midnight(newest).timestamp(), (self.first - datetime.timedelta(days=30)).timestamp())

    def late(self):
        self.one(dated="delivered")

    def old_key(self):
        self.one(dated="event_time")

    def replace(self):
        """The records of the object that is there, without the last one."""
        bucket, key = self.options["bucket"], self.options["key"]
        s3 = self.client("s3", owner_of(bucket), region_of(bucket))
        records = json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))["Records"]
        account = key.rpartition("/")[2].split("_")[0]
        self.take(bucket, {"kind": "log", "account": account, "region": key.split("_")[2], "records": records[:-1], "key": key,
                           "delivered": self.options.get("delivered", logs.stamp(self.first)), "bytes": logs.packed({"Records": records[:-1]})})
        self.put()

    def archive(self):
        bucket, key = self.options["bucket"], self.options["key"]
        s3 = self.client("s3", owner_of(bucket), region_of(bucket))
        s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key}, StorageClass="GLACIER", MetadataDirective="COPY")

    def history(self):
        account, region = self.options["account"], self.options["region"]
        since = logs.midnight(self.options["since"])
        events = [event for day in range(self.options["days"])
                  for one in self.logs_of(account, region, since + datetime.timedelta(days=day)) for event in one["records"]]
        self.post("/events", {"account": account, "region": region, "events": events})
        self.result["events"] = len(events)

    def repair(self):
        match self.options["what"]:
            case "denied":
                self.enrol(DENIED)
            case "not-enrolled":
                self.enrol(NOT_ENROLLED)
            case "region":
                self.post("/regions", {"account": DISABLED[0], "enabled": REGIONS, "disabled": []})
            case "kms":
                self.post("/faults?name=kms", {}, "DELETE")
            case other:
                raise SystemExit(f"nothing is broken that is called {other}")

    # Parts

    def enrol(self, account, deny=False):
        self.post("/roles", {"arn": f"arn:aws:iam::{account}:role/{ROLE}", "external_id": self.options["external_id"],
                             "principals": [HUB], "deny": deny})

    def trails(self):
        """Buckets and trails, made with the calls that an administrator makes."""
        s3 = self.client("s3", LOG_ARCHIVE, region_of(ORGANIZATION_BUCKET))
        s3.create_bucket(Bucket=ORGANIZATION_BUCKET, CreateBucketConfiguration={"LocationConstraint": region_of(ORGANIZATION_BUCKET)})
        self.post("/private", {"bucket": ORGANIZATION_BUCKET, "accounts": self.options["organization_readers"]})
        prefix = self.options["organization_prefix"].rstrip("/")
        more = {"S3KeyPrefix": prefix} if prefix else {}
        self.trail(MANAGEMENT, ORGANIZATION_TRAIL, ORGANIZATION_BUCKET, IsOrganizationTrail=True, **more)
        for account, (_, _, unit) in ACCOUNTS.items():
            if unit is None:
                self.client("s3", account).create_bucket(Bucket=bucket_of(account))
                self.post("/private", {"bucket": bucket_of(account)})
                more = {"KmsKeyId": kms_key(account)} if kms_key(account) else {}
                self.trail(account, OWN_TRAIL, bucket_of(account), **more)

    def trail(self, account, trail, bucket, **more):
        cloudtrail = self.client("cloudtrail", account, trail["region"])
        cloudtrail.create_trail(Name=trail["name"], S3BucketName=bucket, IsMultiRegionTrail=True, EnableLogFileValidation=True, **more)
        cloudtrail.start_logging(Name=trail["name"])

    def delivered(self, latest, started):
        status = {"LatestDeliveryTime": latest, "LatestDigestDeliveryTime": latest, "StartLoggingTime": started}
        for account, trail in [(MANAGEMENT, ORGANIZATION_TRAIL)] + [(account, OWN_TRAIL) for account in ACCOUNTS if ACCOUNTS[account][2] is None]:
            arn = f"arn:aws:cloudtrail:{trail['region']}:{account}:trail/{trail['name']}"
            self.post("/trail-status", {"arn": arn, "status": status})

    def prefix(self, account):
        """What stands in keys before the account."""
        if ACCOUNTS[account][2] is None:
            return "AWSLogs/"
        before = self.options["organization_prefix"].rstrip("/")
        return f"{before + '/' if before else ''}AWSLogs/{ORGANIZATION}/"

    def logs_of(self, account, region, day):
        """The log objects of one day; what they hold depends on nothing but the seed and these three."""
        draw = logs.draw_for(self.seed, account, region, day.date())
        count, planted = self.options["objects_per_day"], self.planted(account, region, day)
        made = []
        for number in range(count):
            # Between the end of one digest's window and that of the next.
            minute = 180 + 1260 * number // count + draw.randrange(20, 1260 // count - 20)
            events = planted if number == 0 else []
            made.append(logs.log_object(draw, self.prefix(account), account, region, day + datetime.timedelta(minutes=minute), events))
        return made

    def planted(self, account, region, day):
        number = (day - self.first).days
        storms = [lambda draw, time: logs.refused(draw, account, region, time)
                  for on, where, there, count in self.options["storms"] if (on, where, there) == (number, account, region)
                  for _ in range(count)]
        return storms + [lambda draw, time, what=what: logs.planted(what, draw, account, region, time)
                for on, where, there, what in PLANTED if (on, where, there) == (number, account, region)]

    def deliver_day(self, account, region, day):
        bucket = place_of(account)
        made = self.logs_of(account, region, day)
        for one in made:
            self.take(bucket, one)
        number = (day - self.first).days
        for on, where, there, what in PLANTED:
            if (on, where, there) == (number, account, region):
                event = made[0]["records"][-1]
                self.result["planted"].append({"policy": what, "account": account, "region": region, "time": event["eventTime"],
                                               "event_id": event["eventID"], "bucket": bucket, "key": made[0]["key"]})
        draw = logs.draw_for(self.seed, account, region, day.date(), "insight")
        if region == REGIONS[0] and draw.random() < 0.2:
            self.take(bucket, logs.insight_object(draw, self.prefix(account), account, region, day + datetime.timedelta(hours=13)))
        self.take(bucket, self.digest(account, region, day))

    def digest(self, account, region, day):
        """One for each day's logs, and its window is not aligned to anything, as real ones are not. The first one reaches back before
        its day, and each on into the next day, so that a day's late events are waited for."""
        known = self.digests.get((account, region, day))
        if known:
            return known
        until = day + datetime.timedelta(days=1, hours=2, minutes=30, seconds=31)
        is_first = day <= self.digests_since
        since = until - datetime.timedelta(days=1, hours=3 if is_first else 0)
        previous = None if is_first else self.digest(account, region, day - datetime.timedelta(days=1))
        objects = self.logs_of(account, region, day) if day >= self.first else []
        made = self.signed(account, region, (since, until), objects, previous)
        self.digests[account, region, day] = made
        return made

    def last_digest(self, account, region, day):
        """One more after that of `day`, of the time up to `digests_until` in which nothing was delivered."""
        since = day + datetime.timedelta(days=1, hours=2, minutes=30, seconds=31)
        until = logs.midnight(self.options["digests_until"])
        return self.signed(account, region, (since, until), [], self.digest(account, region, day))

    def signed(self, account, region, window, objects, previous):
        trail = OWN_TRAIL if ACCOUNTS[account][2] is None else ORGANIZATION_TRAIL
        return logs.digest_object(place_of(account), self.prefix(account), trail, account, region, window, objects, previous)

    def public_keys(self):
        """CloudTrail's, which are valid long before and after what tests look at."""
        year = datetime.timedelta(days=365)
        since, until = ((self.first + shift).timestamp() for shift in (-year, year))
        for region in REGIONS:
            self.post("/public-keys", {"region": region, "keys": [signing.listed(region, since, until)]})

    def one(self, dated):
        """One more log object, about `event_time`, dated in its key as said; it is there from `delivered` on."""
        account, region = self.options["account"], self.options["region"]
        event, delivered = logs.midnight(self.options["event_time"]), logs.midnight(self.options["delivered"])
        draw = logs.draw_for(self.seed, account, region, event, delivered, dated)
        made = logs.log_object(draw, self.prefix(account), account, region, delivered if dated == "delivered" else event, before=event)
        self.take(place_of(account), made | {"delivered": logs.stamp(delivered)})
        self.put()

    def markers(self):
        """What lies beside the logs in real buckets, and is no log."""
        for account in (ENCRYPTED, "100000000004"):
            bucket, prefix = place_of(account), self.prefix(account)
            for name in ("", "CloudTrail/", "Config/ConfigWritabilityCheckFile", "ELBAccessLogTestFile"):
                self.take(bucket, {"kind": "other", "account": account, "region": None, "delivered": logs.stamp(self.first), "records": [],
                                   "key": f"{prefix}{account}/{name}", "bytes": b""})

    def take(self, bucket, one):
        self.result["objects"].append(one | {"bucket": bucket})

    def put(self):
        """Puts what was taken into the emulator, and leaves in the result what a test may want to know."""
        made = {}
        for one in self.result["objects"]:
            body = {"key": one["key"], "body": base64.b64encode(one["bytes"]).decode(), "modified": one["delivered"],
                    "metadata": one.get("metadata", {}), "kms_key": kms_key(one["account"])}
            made.setdefault(one["bucket"], []).append(body)
        for bucket, objects in made.items():
            self.post("/objects", {"bucket": bucket, "objects": objects})
        for one in self.result["objects"]:
            data = one.pop("bytes")
            one.update(size=len(data), sha256=hashlib.sha256(data).hexdigest(), records=len(one["records"]))
            one.pop("metadata", None)


def cells(enabled):
    return [(account, region) for account in ACCOUNTS for region in REGIONS if enabled or (account, region) != DISABLED]


def bucket_of(account):
    return f"trail-logs-{account}"


def region_of(bucket):
    return "eu-west-1" if bucket == ORGANIZATION_BUCKET else "us-east-1"


def owner_of(bucket):
    return LOG_ARCHIVE if bucket == ORGANIZATION_BUCKET else bucket.removeprefix("trail-logs-")


def place_of(account):
    """The bucket that receives the account's logs."""
    return bucket_of(account) if ACCOUNTS[account][2] is None else ORGANIZATION_BUCKET


def kms_key(account):
    return f"arn:aws:kms:us-east-1:{account}:key/11111111-2222-4333-8444-555555555555" if account == ENCRYPTED else None


def main():
    url, command = sys.argv[1:3]
    scenario = Scenario(url, json.loads(sys.argv[3]) if len(sys.argv) > 3 else {})
    commands = {"create", "deliver", "late", "old-key", "replace", "archive", "history", "repair"}
    if command not in commands:
        raise SystemExit(f"{command} is none of {', '.join(sorted(commands))}")
    getattr(scenario, command.replace("-", "_"))()
    json.dump(scenario.result, sys.stdout)


if __name__ == "__main__":
    main()
