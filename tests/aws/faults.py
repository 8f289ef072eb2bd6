"""How the emulator fails when a test wants it to.

A fault says which calls it is for, when it strikes, and what then happens:
  for whom    service, operation, account, region (equal), path (a regular expression)
  when        skip: N calls first; times: N calls at most; per_second: calls above this rate, per account and region;
              probability with seed: a share of the calls. Which ones depends on the seed, the call and how often that call was
              made before, never on threads or on the order of different calls.
  what        status, code, message: that error, in the service's own format
              throttle: true: the service's own throttling error
              deny: {"by": identity | scp | rcp | boundary | session | resource | endpoint | trust | kms | kms-elsewhere, "policy"?, "key"?}:
                    access denied, in AWS's words
              archived: true: InvalidObjectState;   drop: true: the connection is closed without an answer
              delay_ms: first waits;   truncate: bytes of the body that still come;   flip: offset of a byte that is inverted
              headers: laid over the real answer's (for example Date)
  answers     a list of such outcomes, one of which is drawn with the seed
  name        to take it back with DELETE /_emulator/faults?name=
"""

import hashlib
import json
import re
import time
import uuid

from state import STATE

KNOWN = {"name", "service", "operation", "account", "region", "path", "skip", "times", "per_second", "probability", "seed",
         "answers"}
OUTCOMES = {"status", "code", "message", "throttle", "deny", "archived", "drop", "delay_ms", "truncate", "flip", "headers"}
QUERY = {"sts", "iam", "sns", "rds", "monitoring", "elasticloadbalancing", "autoscaling", "cloudformation"}
THROTTLED = {"s3": (503, "SlowDown", "Please reduce your request rate."),
             "ec2": (503, "RequestLimitExceeded", "Request limit exceeded."),
             "organizations": (400, "TooManyRequestsException", "You have sent too many requests in too short a period of time.")}
WHY = {
    "identity": " because no identity-based policy allows the {action} action",
    "boundary": " because no permissions boundary allows the {action} action",
    "session": " because no session policy allows the {action} action",
    "resource": " with an explicit deny in a resource-based policy",
    "scp": " with an explicit deny in a service control policy{policy}",
    "endpoint": " because no VPC endpoint policy allows the {action} action",
    "trust": " because no role trust policy allows the {action} action",
    "rcp": " with an explicit deny in a resource control policy{policy}",
}


def checked(fault):
    """Refuses what would never strike as meant, so that a test cannot pass by a typing error."""
    outcomes = fault.get("answers", [fault])
    for one in [fault, *outcomes]:
        unknown = set(one) - KNOWN - OUTCOMES
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
    for one in outcomes:
        if not OUTCOMES & set(one):
            raise ValueError("a fault does nothing")
        if one.get("deny") and one["deny"]["by"] not in {*WHY, "kms", "kms-elsewhere"}:
            raise ValueError(f"nothing denies by {one['deny']['by']}")
    if "path" in fault:
        re.compile(fault["path"])
    return fault | {"called": {}}


def pick(call):
    """The outcome of the first fault that strikes this call, or None."""
    with STATE.lock:
        for number, fault in enumerate(STATE.faults):
            if any(name in fault and fault[name] != getattr(call, name) for name in ("service", "operation", "account", "region")):
                continue
            if "path" in fault and not re.search(fault["path"], call.path):
                continue
            drawn = draw(number, fault, call)
            if strikes(fault, call, drawn):
                outcomes = fault.get("answers", [fault])
                return outcomes[int(drawn * 1e9) % len(outcomes)]
    return None


def draw(number, fault, call):
    """A number in [0, 1) that depends on seed, call and repetition alone."""
    same = (number, call.service, call.operation, call.account, call.region, call.path, json.dumps(call.query, sort_keys=True))
    STATE.occurrences[same] += 1
    text = f"{fault.get('seed', 0)} {same[1:]} {STATE.occurrences[same]}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


def strikes(fault, call, drawn):
    if fault.get("times", 1) == 0 or drawn >= fault.get("probability", 1):
        return False
    if fault.get("skip", 0) > 0:
        fault["skip"] -= 1
        return False
    if "per_second" in fault:
        now = time.monotonic()
        within = [at for at in fault["called"].get((call.account, call.region), []) if at > now - 1]
        fault["called"][call.account, call.region] = within
        if len(within) < fault["per_second"]:
            within.append(now)
            return False
    if "times" in fault:
        fault["times"] -= 1
    return True


def answer(outcome, call):
    """The answer that takes the place of the real one: an answer, "drop", or None if the real one is to be damaged or kept."""
    if outcome.get("delay_ms"):
        time.sleep(outcome["delay_ms"] / 1000)
    if outcome.get("drop"):
        return "drop"
    if outcome.get("throttle"):
        return error(call.service, *THROTTLED.get(call.service, (400, "ThrottlingException", "Rate exceeded")))
    if outcome.get("archived"):
        return error("s3", 403, "InvalidObjectState", "The operation is not valid for the object's storage class",
                     "<StorageClass>GLACIER</StorageClass>")
    if outcome.get("deny"):
        return denial(call, outcome["deny"])
    if outcome.get("status"):
        return error(call.service, outcome["status"], outcome.get("code", "InternalError"), outcome.get("message", "injected"))
    return None


def damaged(outcome, status, headers, body):
    """The real answer, cut or flipped; its length is announced as it was. The last value says whether it is cut."""
    headers = dict(headers) | outcome.get("headers", {})
    headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    headers["Content-Length"] = str(len(body))
    body = bytearray(body)
    if "flip" in outcome and body:
        body[outcome["flip"] % len(body)] ^= 0xFF
    return status, headers, bytes(body[: outcome.get("truncate", len(body))]), "truncate" in outcome


def denial(call, deny):
    """Access denied, by the code of the service and in AWS's words."""
    action, resource = call.action(), None
    if call.service == "s3":
        # S3 quotes it, the others do not.
        resource = f'"arn:aws:s3:::{call.path.strip("/")}"'
    elif call.operation == "AssumeRole":
        resource = call.parameters.get("RoleArn")
    elif call.service == "cloudtrail":
        resource = f"arn:aws:cloudtrail:{call.region}:{call.account}:trail/*"
    by = deny["by"]
    if by == "kms":
        action, resource = "kms:Decrypt", deny.get("key", f"arn:aws:kms:{call.region}:{call.account}:key/unknown")
        by = "identity"
    policy = f": {deny['policy']}" if deny.get("policy") else ""
    on = f" on resource: {resource}" if resource else ""
    message = f"User: {call.principal} is not authorized to perform: {action}{on}" + WHY.get(by, "").format(action=action, policy=policy)
    if by == "kms-elsewhere":
        message = (f"User: {call.principal} is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext "
                   "because the resource does not exist in this Region, no resource-based policies allow access, or a "
                   "resource-based policy explicitly denies access")
    if call.service == "ec2":
        return error("ec2", 403, "UnauthorizedOperation", f"You are not authorized to perform this operation. {message}")
    if call.service == "s3" or call.service in QUERY:
        return error(call.service, 403, "AccessDenied", message)
    return error(call.service, 400, "AccessDeniedException", message)


def error(service, status, code, message, more=""):
    """An error as the service writes it: (status, headers, body)."""
    request, text = str(uuid.uuid4()), escaped(message)
    if service == "s3":
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{text}</Message>{more}<RequestId>{request}</RequestId></Error>'
        return status, {"Content-Type": "application/xml", "x-amz-request-id": request}, body.encode()
    if service == "ec2":
        body = f"<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors><RequestID>{request}</RequestID></Response>"
        return status, {"Content-Type": "text/xml"}, body.encode()
    if service in QUERY:
        body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"
        return status, {"Content-Type": "text/xml"}, body.encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request, "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"__type": code, "message": message}).encode()


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
