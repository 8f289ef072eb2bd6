"""What the emulator answers instead of moto, because moto has no answer or another than AWS.

STS: rules of roles, the hour of chained sessions. Organizations: what members may ask. S3: another region's bucket, its expected
owner, other accounts' buckets, checksums. EC2: an account's regions. CloudTrail: Event history, public keys, organisation trails
seen by members, selectors and status as AWS gives them. KMS: signatures over digests. Every region: refused where the account has it disabled.
"""

import base64
import datetime
import hashlib
import json
import re
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.cloudtrail.models import cloudtrail_backends
from moto.kms.models import kms_backends
from moto.organizations.models import organizations_backends
from moto.s3.models import s3_backends

from faults import QUERY, error
from state import STATE

JSON = {"Content-Type": "application/x-amz-json-1.1"}
# Regions that an account has only after it asked for them.
OPT_IN = {"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
          "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1",
          "me-central-1", "me-south-1", "mx-central-1"}
DEFAULT_SELECTORS = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [],
                      "ExcludeManagementEventSources": []}]
# What a delegated administrator of any service may read.
DELEGATED = {"DescribeAccount", "DescribeOrganizationalUnit", "ListAccounts", "ListAccountsForParent", "ListAWSServiceAccessForOrganization",
             "ListChildren", "ListDelegatedAdministrators", "ListDelegatedServicesForAccount", "ListOrganizationalUnitsForParent",
             "ListParents", "ListRoots", "ListTagsForResource"}
HOUR = 3600


def own(call):
    """The emulator's own answer, or None: then moto is asked."""
    for rule in STATE.canned:
        if rule["service"] == call.service and rule["operation"] == call.operation and all(
            rule.get(name, getattr(call, name)) == getattr(call, name) for name in ("account", "region")
        ):
            body = rule["body"] if isinstance(rule["body"], str) else json.dumps(rule["body"])
            return rule.get("status", 200), rule.get("headers", JSON), body.encode()
    answering = {
        ("cloudtrail", "ListPublicKeys"): public_keys,
        ("cloudtrail", "LookupEvents"): lookup_events,
        ("cloudtrail", "DescribeTrails"): describe_trails,
        ("cloudtrail", "GetTrail"): get_trail,
        ("cloudtrail", "GetTrailStatus"): trail_status,
        ("cloudtrail", "GetEventSelectors"): event_selectors,
        ("ec2", "DescribeRegions"): describe_regions,
        ("kms", "Sign"): sign,
        ("sts", "GetCallerIdentity"): caller_identity,
    }.get((call.service, call.operation))
    return answering(call) if answering else None


def sign(call):
    """A signature over a digest; moto would hash what is hashed already."""
    if call.parameters.get("MessageType") != "DIGEST" or call.parameters.get("SigningAlgorithm") != "ECDSA_SHA_256":
        return None
    key = kms_backends[call.account][call.region].describe_key(call.parameters["KeyId"])
    digest = base64.b64decode(call.parameters["Message"])
    signature = key.private_key.private_key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    said = {"KeyId": key.arn, "Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": "ECDSA_SHA_256"}
    return 200, JSON, json.dumps(said).encode()


def refused(call, environ, body):
    """AWS's refusal of a call that moto would let pass, or None."""
    if call.region in regions_of(call.account).get("disabled", ()):
        return disabled_region(call)
    if call.service == "sts" and call.operation.startswith("AssumeRole"):
        return role_refused(call)
    if call.service == "organizations":
        return member_refused(call)
    if call.service == "s3":
        return bucket_refused(call, environ) or checksum_refused(environ, body)
    return None


def after(call, status, headers, body):
    """Makes moto's answer AWS's, and remembers the sessions that it hands out."""
    if call.service == "s3" and call.operation in ("GetObject", "HeadObject", "PutObject") and status < 300:
        # Since 2023 everything is encrypted.
        if not any(name.lower() == "x-amz-server-side-encryption" for name in headers):
            headers["x-amz-server-side-encryption"] = "AES256"
    if call.service != "sts" or status != 200 or not call.operation.startswith("AssumeRole"):
        return
    key, arn = re.search(rb"<AccessKeyId>([^<]+)<", body), re.search(rb"<AssumedRoleUser>.*?<Arn>([^<]+)<", body, re.DOTALL)
    if key and arn:
        principal = arn.group(1).decode()
        with STATE.lock:
            STATE.sessions[key.group(1).decode()] = {"account": principal.split(":")[4], "principal": principal}


# Regions


def regions_of(account):
    return STATE.regions.get(account) or STATE.regions.get("*") or {}


def disabled_region(call):
    invalid = "The security token included in the request is invalid"
    if call.service == "sts" and call.operation.startswith("AssumeRole"):
        return error("sts", 403, "RegionDisabledException", f"STS is not activated in this region for account:{call.account}. "
                     "Your account administrator can activate STS in this region using the IAM Console.")
    if call.service == "ec2":
        return error("ec2", 401, "AuthFailure", "AWS was not able to validate the provided access credentials")
    if call.service == "s3":
        return error("s3", 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    if call.service in QUERY:
        return error(call.service, 403, "InvalidClientTokenId", invalid)
    return error(call.service, 400, "UnrecognizedClientException", invalid + ".")


def describe_regions(call):
    rule = regions_of(call.account)
    if not rule:
        return None
    states = {name: "opted-in" if name in OPT_IN else "opt-in-not-required" for name in rule.get("enabled", ())}
    if call.parameters.get("AllRegions") == "true":
        states |= {name: "not-opted-in" for name in rule.get("disabled", ())}
    wanted = {value for name, value in call.parameters.items() if name.startswith("RegionName.")}
    items = "".join(
        f"<item><regionName>{name}</regionName><regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
        f"<optInStatus>{state}</optInStatus></item>"
        for name, state in sorted(states.items()) if not wanted or name in wanted
    )
    body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<requestId>{uuid.uuid4()}</requestId><regionInfo>{items}</regionInfo></DescribeRegionsResponse>")
    return 200, {"Content-Type": "text/xml;charset=UTF-8"}, body.encode()


# STS


def role_refused(call):
    arn, given = call.parameters.get("RoleArn", ""), call.parameters
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    rule = STATE.roles.get(arn)
    duration = int(given.get("DurationSeconds", HOUR))
    refusal = f"User: {call.principal} is not authorized to perform: sts:{call.operation} on resource: {arn}"
    if not call.account:
        refusal = f"Not authorized to perform sts:{call.operation}"
    not_authorized = error("sts", 403, "AccessDenied", refusal)
    if call.session and duration > HOUR:
        return error("sts", 400, "ValidationError",
                     "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
    if rule is None:
        return not_authorized if account in STATE.strict else None
    principals = rule.get("principals")
    if rule.get("deny") or principals and call.account not in principals:
        return not_authorized
    if call.operation == "AssumeRole" and rule.get("external_id") not in (None, given.get("ExternalId")):
        return not_authorized
    if duration > rule.get("max_duration", HOUR):
        return error("sts", 400, "ValidationError",
                     "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return None


def caller_identity(call):
    if call.session is None and call.principal.endswith(":user/emulator"):
        body = (f'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
                f"<Arn>{call.principal}</Arn><UserId>AIDAEMULATOR</UserId><Account>{call.account}</Account>"
                f"</GetCallerIdentityResult><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
                f"</GetCallerIdentityResponse>")
        return 200, {"Content-Type": "text/xml"}, body.encode()
    return None


def container_credentials(account, lifetime=HOUR):
    """What the credential endpoint of a container or an instance says."""
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=lifetime)
    return {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": f"AKIA{account}", "SecretAccessKey": "emulator",
            "Token": "emulator", "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}


def credentials_elsewhere(environ):
    """The metadata service of an instance, and the portal of single sign-on."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    account = "123456789012"
    if path == "/latest/api/token" and method == "PUT":
        return 200, {"x-aws-ec2-metadata-token-ttl-seconds": "21600"}, b"emulator"
    if path.rstrip("/") == "/latest/meta-data/iam/security-credentials":
        return 200, {}, b"emulator"
    if path == "/latest/meta-data/iam/security-credentials/emulator":
        return 200, {"Content-Type": "application/json"}, json.dumps(container_credentials(account)).encode()
    if path == "/federation/credentials":
        account = re.search(r"account_id=(\d{12})", environ.get("QUERY_STRING", ""))
        if not environ.get("HTTP_X_AMZ_SSO_BEARER_TOKEN") or account is None:
            return error("sso", 401, "UnauthorizedException", "Session token not found or invalid")
        given = {"accessKeyId": f"AKIA{account.group(1)}", "secretAccessKey": "emulator", "sessionToken": "emulator",
                 "expiration": int((time.time() + HOUR) * 1000)}
        return 200, {"Content-Type": "application/json"}, json.dumps({"roleCredentials": given}).encode()
    return 404, {}, b""


# Organizations


def member_refused(call):
    """A member may ask which organisation it is in; a delegated administrator may also read accounts, units and tags."""
    management, _ = organizations_backends.master_accounts.get(call.account, (None, None))
    if management is None or call.operation == "DescribeOrganization":
        return None
    if call.account in STATE.delegated and call.operation in DELEGATED:
        call.account = management
        return None
    return error("organizations", 400, "AccessDeniedException", "You don't have permissions to access this resource.")


# S3


def bucket_refused(call, environ):
    name = call.path.lstrip("/").partition("/")[0]
    owner = s3_backends.bucket_accounts.get(name)
    if owner is None or call.operation in ("CreateBucket", "GET:bucket:location"):
        return None
    partition, account = owner
    if environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", account) != account:
        return error("s3", 403, "AccessDenied", "Access Denied")
    if call.account != account and name in STATE.private and call.account not in STATE.private[name]:
        return error("s3", 403, "AccessDenied", "Access Denied")
    region = s3_backends[account][partition].buckets[name].region_name
    if region == call.region or not call.account:
        return None
    status, headers, body = error("s3", 301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the "
                                  "specified endpoint. Please send all future requests to this endpoint.",
                                  f"<Endpoint>s3.{region}.amazonaws.com</Endpoint><Bucket>{name}</Bucket>")
    return status, headers | {"x-amz-bucket-region": region}, body


def checksum_refused(environ, body):
    if environ["REQUEST_METHOD"] != "PUT":
        return None
    announced = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if len(announced) == 64 and announced != hashlib.sha256(body).hexdigest():
        return error("s3", 400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
    if announced.startswith("STREAMING"):
        return None
    for header, algorithm in (("HTTP_X_AMZ_CHECKSUM_SHA256", "sha256"), ("HTTP_CONTENT_MD5", "md5")):
        digest = base64.b64encode(hashlib.new(algorithm, body).digest()).decode()
        if environ.get(header, digest) != digest:
            return error("s3", 400, "BadDigest", f"The {algorithm.upper()} you specified did not match the calculated checksum.")
    return None


# CloudTrail


def answer(body):
    return 200, JSON, json.dumps(body).encode()


def organization_trails(account):
    """The trails of the management account that record this member."""
    management, partition = organizations_backends.master_accounts.get(account, (account, "aws"))
    if management == account:
        return []
    return [trail for backend in cloudtrail_backends[management].values() for trail in backend.trails.values() if trail.is_org_trail]


def trails_seen(call, shadows=True):
    own_trails = [trail for backend in cloudtrail_backends[call.account].values() for trail in backend.trails.values()]
    return [trail for trail in own_trails + organization_trails(call.account)
            if trail.region_name == call.region or shadows and trail.is_multi_region]


def described(trail):
    text = trail.description(include_region=True)
    basic, advanced = trail.get_event_selectors()
    text["HasCustomEventSelectors"] = bool(basic or advanced)
    text["HasInsightSelectors"] = bool(trail.get_insight_selectors())
    return {name: value for name, value in text.items() if value is not None}


def describe_trails(call):
    names = call.parameters.get("trailNameList") or []
    shadows = call.parameters.get("includeShadowTrails", True)
    trails = [trail for trail in trails_seen(call, shadows) if not names or trail.trail_name in names or trail.arn in names]
    return answer({"trailList": [described(trail) for trail in trails]})


def named_trail(call, name):
    return next((trail for trail in trails_seen(call) if name in (trail.trail_name, trail.arn)), None)


def trail_not_found(name, call):
    return error("cloudtrail", 400, "TrailNotFoundException", f"Unknown trail: {name} for the user: {call.account}")


def get_trail(call):
    name = call.parameters.get("Name", "")
    trail = named_trail(call, name)
    return answer({"Trail": described(trail)}) if trail else trail_not_found(name, call)


def trail_status(call):
    name = call.parameters.get("Name", "")
    trail = named_trail(call, name)
    if trail is None:
        return trail_not_found(name, call)
    return answer(trail.status.description() | STATE.trail_status.get(trail.arn, {}))


def event_selectors(call):
    name = call.parameters.get("TrailName", "")
    trail = named_trail(call, name)
    if trail is None:
        return trail_not_found(name, call)
    basic, advanced = trail.get_event_selectors()
    if advanced and not basic:
        return answer({"TrailARN": trail.arn, "AdvancedEventSelectors": advanced})
    return answer({"TrailARN": trail.arn, "EventSelectors": basic or DEFAULT_SELECTORS})


def window(call, days):
    """The asked-for times, or an error."""
    now = time.time()
    since, until = call.parameters.get("StartTime", now - days * 86400), call.parameters.get("EndTime", now)
    wrong = since > until
    return since, until, error("cloudtrail", 400, "InvalidTimeRangeException", "Start time must be before end time.") if wrong else None


def public_keys(call):
    since, until, wrong = window(call, 1)
    keys = [key for key in STATE.public_keys[call.region] if key["ValidityStartTime"] <= until and key["ValidityEndTime"] >= since]
    return wrong or answer({"PublicKeyList": keys})


def lookup_events(call):
    since, until, wrong = window(call, 90)
    if wrong:
        return wrong
    wanted = (call.parameters.get("LookupAttributes") or [{}])[0]
    rows = [looked_up(event) for event in STATE.events[call.account, call.region]]
    rows = [row for row in rows if since <= row["EventTime"] <= until
            and (not wanted or row.get(wanted["AttributeKey"]) == wanted["AttributeValue"])]
    rows.sort(key=lambda row: (-row["EventTime"], row["EventId"]))
    size, start = min(int(call.parameters.get("MaxResults", 50)), 50), int(call.parameters.get("NextToken") or 0)
    page = {"Events": rows[start:start + size]}
    if start + size < len(rows):
        page["NextToken"] = str(start + size)
    return answer(page)


def looked_up(event):
    at = datetime.datetime.strptime(event["eventTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
    identity = event.get("userIdentity") or {}
    return {"EventId": event["eventID"], "EventName": event["eventName"], "EventSource": event["eventSource"],
            "EventTime": at.timestamp(), "ReadOnly": str(event.get("readOnly", "")).lower(),
            "Username": identity.get("userName", ""), "AccessKeyId": identity.get("accessKeyId", ""),
            "CloudTrailEvent": json.dumps(event)}
