"""Synthetic CloudTrail logs: the same seed, account, region and time give the same bytes.

Keys and records are those of CloudTrail (times in keys are times of delivery, some minutes after the events); names, addresses and
identities are of the kinds reserved for examples.
"""

import datetime
import gzip
import hashlib
import json
import random

import signing

UTC = datetime.UTC
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
PEOPLE = ["alice", "bob", "carol", "dave"]
# What an ordinary day consists of: source, name, whether it only reads.
ORDINARY = [
    ("ec2.amazonaws.com", "DescribeInstances", True),
    ("ec2.amazonaws.com", "RunInstances", False),
    ("s3.amazonaws.com", "ListBuckets", True),
    ("sts.amazonaws.com", "GetCallerIdentity", True),
    ("lambda.amazonaws.com", "ListFunctions20150331", True),
    ("kms.amazonaws.com", "DescribeKey", True),
    ("logs.amazonaws.com", "CreateLogStream", False),
    ("dynamodb.amazonaws.com", "DescribeTable", True),
]


def stamp(time, form="%Y-%m-%dT%H:%M:%SZ"):
    return time.strftime(form)


def event_id(draw):
    digits = f"{draw.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def user(account, name):
    return {"type": "IAMUser", "principalId": "AIDAEXAMPLE" + name.upper(), "arn": f"arn:aws:iam::{account}:user/{name}",
            "accountId": account, "accessKeyId": f"AKIA{hashlib.sha256((account + name).encode()).hexdigest()[:16].upper()}",
            "userName": name}


def record(draw, account, region, time, source, name, **more):
    """One management event."""
    event = {
        "eventVersion": "1.10",
        "userIdentity": user(account, draw.choice(PEOPLE)),
        "eventTime": stamp(time),
        "eventSource": source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": f"192.0.2.{draw.randrange(1, 255)}",
        "userAgent": draw.choice(["aws-cli/2.31.0", "console.amazonaws.com", "Boto3/1.43.0"]),
        "requestParameters": None,
        "responseElements": None,
        "requestID": event_id(draw),
        "eventID": event_id(draw),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    return event | more


def ordinary(draw, account, region, time):
    source, name, reads = draw.choice(ORDINARY)
    return record(draw, account, region, time, source, name, readOnly=reads)


def refused(draw, account, region, time):
    """A refused call of mallory, at the beginning of its quarter of an hour: many of them are a storm."""
    time = time.replace(minute=time.minute - time.minute % 15, second=0)
    return record(draw, account, region, time, "iam.amazonaws.com", "ListUsers", readOnly=True, userIdentity=user(account, "mallory"),
                  errorCode="AccessDenied", errorMessage="User is not authorized to perform: iam:ListUsers")


def planted(what, draw, account, region, time):
    """A record that a built-in policy matches: the policy's id names it."""
    if what == "trail-stopped-or-narrowed":
        trail = f"arn:aws:cloudtrail:{region}:{account}:trail/main"
        return record(draw, account, region, time, "cloudtrail.amazonaws.com", "StopLogging", requestParameters={"name": trail})
    if what == "console-login-without-mfa":
        return record(draw, account, region, time, "signin.amazonaws.com", "ConsoleLogin", eventType="AwsConsoleSignIn",
                      responseElements={"ConsoleLogin": "Success"},
                      additionalEventData={"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No",
                                           "MFAUsed": "No"})
    if what == "security-group-opened-to-world":
        rule = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {}, "ipv6Ranges": {}, "prefixListIds": {},
                "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}
        return record(draw, account, region, time, "ec2.amazonaws.com", "AuthorizeSecurityGroupIngress",
                      requestParameters={"groupId": "sg-0123456789abcdef0", "ipPermissions": {"items": [rule]}},
                      responseElements={"_return": True})
    raise ValueError(f"nothing plants {what}")


def packed(value):
    """One gzip member whose bytes depend on the value alone."""
    return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), mtime=0)


def key(prefix, account, folder, region, time, suffix, trail=None):
    """The key of a log object, or with a trail's name that of a digest. `prefix` ends before the account."""
    day = stamp(time, "%Y/%m/%d")
    where = f"{prefix}{account}/{folder}/{region}/{day}/{account}_{folder}_{region}_"
    if trail:
        return f"{where}{trail['name']}_{trail['region']}_{stamp(time, '%Y%m%dT%H%M%SZ')}.json.gz"
    return f"{where}{stamp(time, '%Y%m%dT%H%MZ')}_{suffix}.json.gz"


def suffix(draw):
    return "".join(draw.choices(LETTERS, k=16))


def log_object(draw, prefix, account, region, delivered, events=(), before=None, folder="CloudTrail"):
    """A log object delivered at `delivered`: some ordinary records of the minutes before it (or before `before`), and `events`,
    functions that make a record of their own. Returns what it is, with key and bytes."""
    at = before or delivered
    records = [ordinary(draw, account, region, at - datetime.timedelta(seconds=draw.randrange(120, 900)))
               for _ in range(draw.randrange(4, 10))]
    records += [make(draw, at - datetime.timedelta(seconds=draw.randrange(120, 900))) for make in events]
    return {"kind": "log", "account": account, "region": region, "delivered": stamp(delivered), "records": records,
            "key": key(prefix, account, folder, region, delivered, suffix(draw)), "bytes": packed({"Records": records})}


def insight_object(draw, prefix, account, region, delivered):
    start = stamp(delivered - datetime.timedelta(minutes=20))
    detail = {"state": "Start", "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "insightType": "ApiCallRateInsight",
              "insightContext": {"statistics": {"baseline": {"average": 0.01}, "insight": {"average": 7}}}}
    event = {"eventVersion": "1.09", "eventTime": start, "awsRegion": region, "eventID": event_id(draw), "eventType": "AwsCloudTrailInsight",
             "recipientAccountId": account, "sharedEventID": event_id(draw), "insightDetails": detail, "eventCategory": "Insight"}
    return {"kind": "insight", "account": account, "region": region, "delivered": stamp(delivered), "records": [event],
            "key": key(prefix, account, "CloudTrail-Insight", region, delivered, suffix(draw)), "bytes": packed({"Records": [event]})}


def digest_object(bucket, prefix, trail, account, region, window, objects, previous, signer=None):
    """The digest of `objects` after the digest `previous`, signed with the region's key or the one called `signer`."""
    since, until = window
    files = [{"s3Bucket": bucket, "s3Object": one["key"], "hashAlgorithm": "SHA-256", "hashValue": inflated_sha256(one),
              "newestEventTime": max(event["eventTime"] for event in one["records"]),
              "oldestEventTime": min(event["eventTime"] for event in one["records"])} for one in objects]
    place = key(prefix, account, "CloudTrail-Digest", region, until, "", trail)
    signer = signer or region
    body = {"awsAccountId": account, "digestStartTime": stamp(since), "digestEndTime": stamp(until), "digestS3Bucket": bucket,
            "digestS3Object": place, "digestPublicKeyFingerprint": signing.fingerprint(signer),
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": max((file["newestEventTime"] for file in files), default=None),
            "oldestEventTime": min((file["oldestEventTime"] for file in files), default=None),
            "previousDigestS3Bucket": bucket if previous else None, "previousDigestS3Object": previous and previous["key"],
            "previousDigestHashValue": previous and inflated_sha256(previous),
            "previousDigestHashAlgorithm": "SHA-256" if previous else None,
            "previousDigestSignature": previous and previous["metadata"]["signature"], "logFiles": files}
    made = {"kind": "digest", "account": account, "region": region, "delivered": stamp(until), "records": [], "key": place,
            "bytes": packed(body)}
    signed = "\n".join([body["digestEndTime"], f"{bucket}/{place}", inflated_sha256(made), body["previousDigestSignature"] or "null"])
    return made | {"metadata": {"signature": signing.sign(signer, signed), "signature-algorithm": "SHA256withRSA"}}


def inflated_sha256(one):
    return hashlib.sha256(gzip.decompress(one["bytes"])).hexdigest()


def draw_for(*what):
    return random.Random("/".join(str(part) for part in what))


def midnight(text):
    """`2026-10-01` or an RFC 3339 time."""
    time = datetime.datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
