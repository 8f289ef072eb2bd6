"""One request as a call: which service and operation, in which region, by whom, with which parameters."""

import dataclasses
import json
import re
import urllib.parse

from state import STATE

DEFAULT_ACCOUNT = "123456789012"
CREDENTIAL = re.compile(r"Credential=([^/]+)/(\d+)/([^/]+)/([^/]+)/aws4_request")
OWN_KEY = re.compile(r"AKIA(\d{12})")
# Sub-resources of S3, in the order in which they decide what a request is.
S3_PARTS = ("versioning", "policyStatus", "policy", "acl", "encryption", "logging", "publicAccessBlock", "ownershipControls",
            "object-lock", "lifecycle", "location", "notification", "tagging", "retention", "legal-hold", "uploads", "uploadId",
            "versions", "attributes", "delete", "replication", "website", "cors")
S3_BUCKET = {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}
S3_OBJECT = {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject", "PUT": "PutObject"}


@dataclasses.dataclass
class Call:
    service: str
    operation: str
    account: str
    principal: str
    region: str
    method: str
    path: str
    query: dict
    parameters: dict
    session: dict | None

    def noted(self):
        """What the log of requests keeps: everything a test may want to see, never a credential."""
        kept = {name: value for name, value in self.parameters.items() if len(str(value)) <= 2000}
        return {"service": self.service, "operation": self.operation, "account": self.account, "principal": self.principal,
                "region": self.region, "method": self.method, "path": self.path, "query": self.query, "parameters": kept}

    def action(self):
        """The IAM action, as far as service and operation tell it."""
        renamed = {"ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadBucket": "ListBucket", "HeadObject": "GetObject"}
        prefix = {"monitoring": "cloudwatch"}.get(self.service, self.service)
        return f"{prefix}:{renamed.get(self.operation, self.operation) if self.service == 's3' else self.operation}"


def read(environ, body):
    """Reads a request. Unsigned ones are for STS if they say so, and for S3 otherwise."""
    query = {name: values[0] for name, values in
             urllib.parse.parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).items()}
    scope = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", "") or f"Credential={query.get('X-Amz-Credential', '')}")
    key, _, region, service = scope.groups() if scope else ("", "", "us-east-1", "s3")
    parameters = parameters_of(environ, service if scope else "", body)
    if not scope and "Action" in parameters:
        service = "sts"
    session = STATE.sessions.get(key)
    own = OWN_KEY.fullmatch(key)
    account = session["account"] if session else own.group(1) if own else DEFAULT_ACCOUNT if key else ""
    principal = session["principal"] if session else f"arn:aws:iam::{account}:user/emulator" if account else "anonymous"
    return Call(service, operation_of(environ, service, query, parameters), account, principal, region,
                environ["REQUEST_METHOD"], environ["PATH_INFO"], query, parameters, session)


def parameters_of(environ, service, body):
    if service == "s3" or not body:
        return {}
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        return {name: values[0] for name, values in urllib.parse.parse_qs(body.decode("latin1"), keep_blank_values=True).items()}
    try:
        given = json.loads(body)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def operation_of(environ, service, query, parameters):
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return target.rsplit(".", 1)[-1]
    action = query.get("Action") or parameters.get("Action")
    if action:
        return action
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if service != "s3":
        return f"{method} {path}"
    bucket, _, key = path.lstrip("/").partition("/")
    if not bucket:
        return "ListBuckets"
    part = next((name for name in S3_PARTS if name in query), None)
    if part:
        return f"{method}:{'object' if key else 'bucket'}:{part}"
    if not key:
        return S3_BUCKET.get(method) or ("ListObjectsV2" if query.get("list-type") == "2" else "ListObjects")
    if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return "CopyObject"
    return S3_OBJECT.get(method, method)
