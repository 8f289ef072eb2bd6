"""Objects put into moto's buckets many at a time: seeding over HTTP one by one would take most of a test's time.

    {"bucket", "objects": [{"key", "body": base64, "metadata"?: {}, "modified"?: RFC 3339, "kms_key"?: ARN, "storage"?: class}]}
"""

import base64
import datetime

from moto.s3.models import s3_backends


def put(given):
    partition, account = s3_backends.bucket_accounts[given["bucket"]]
    backend = s3_backends[account][partition]
    for one in given["objects"]:
        encryption = {"encryption": "aws:kms", "kms_key_id": one["kms_key"]} if one.get("kms_key") else {}
        key = backend.put_object(given["bucket"], one["key"], base64.b64decode(one["body"]), storage=one.get("storage"), **encryption)
        key.set_metadata({f"x-amz-meta-{name}": value for name, value in one.get("metadata", {}).items()})
        if "modified" in one:
            key.last_modified = datetime.datetime.fromisoformat(one["modified"]).replace(tzinfo=None)
    return {"objects": len(given["objects"])}
