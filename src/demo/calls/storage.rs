//! Buckets and their objects, databases, and the analysis that runs over them.

use crate::demo::estate::{STRANGER, Site};
use crate::demo::json::{Json, items, object};
use crate::demo::random::Random;
use crate::demo::record::Call;

/// What a site's buckets are for.
const PURPOSES: [&str; 4] = ["artifacts", "uploads", "invoices", "lake"];

fn host(site: &Site, bucket: &str) -> String {
    format!("{bucket}.s3.{}.amazonaws.com", site.region.name())
}

fn transfer(random: &mut Random, received: i64, sent: i64) -> Json {
    object! {
        "SignatureVersion": "SigV4",
        "CipherSuite": "TLS_AES_128_GCM_SHA256",
        "bytesTransferredIn": received,
        "AuthenticationMethod": "AuthHeader",
        "x-amz-id-2": format!("{}=", random.letters(75)),
        "bytesTransferredOut": sent,
    }
}

/// A call on a bucket: `parameter` is the query that S3 puts into the request, such as `acl`.
fn on_bucket(site: &Site, bucket: &str, mut call: Call, parameter: &'static str, random: &mut Random) -> Call {
    let mut request = object! {"bucketName": bucket, "Host": host(site, bucket)};
    if !parameter.is_empty() {
        request.push(parameter, "");
    }
    if let (Json::Object(extra), Json::Object(fields)) = (&call.request, &mut request) {
        fields.extend(extra.iter().cloned());
    }
    call.request = request;
    let sent = random.between(200, 3000);
    call.additional(transfer(random, 0, sent))
        .on(site.member.id(), "AWS::S3::Bucket", format!("arn:aws:s3:::{bucket}"))
        .host(host(site, bucket))
}

/// `s3:ListBuckets`.
pub(crate) fn list_buckets(site: &Site, random: &mut Random) -> Call {
    let host = format!("s3.{}.amazonaws.com", site.region.name());
    let sent = random.between(900, 6000);
    Call::read("s3", "ListBuckets").request(object! {"Host": &host}).additional(transfer(random, 0, sent)).host(host)
}

/// A read of one of a bucket's settings.
pub(crate) fn read_bucket(site: &Site, random: &mut Random) -> Call {
    let (name, parameter) = *random.pick(&[
        ("GetBucketAcl", "acl"),
        ("GetBucketPolicy", "policy"),
        ("GetBucketLocation", "location"),
        ("GetBucketEncryption", "encryption"),
        ("GetBucketVersioning", "versioning"),
        ("GetBucketPublicAccessBlock", "publicAccessBlock"),
        ("GetBucketLogging", "logging"),
    ]);
    let bucket = site.bucket(random.pick::<&str>(&PURPOSES));
    on_bucket(site, &bucket, Call::read("s3", name), parameter, random)
}

/// `s3:PutBucketPolicy` with one statement for `principal`, a JSON value of the policy.
pub(crate) fn put_bucket_policy(site: &Site, bucket: &str, principal: Json, random: &mut Random) -> Call {
    let statement = object! {
        "Sid": "Read",
        "Effect": "Allow",
        "Principal": principal,
        "Action": vec![Json::from("s3:GetObject")],
        "Resource": format!("arn:aws:s3:::{bucket}/*"),
    };
    let call = Call::write("s3", "PutBucketPolicy")
        .request(object! {"bucketPolicy": object! {"Version": "2012-10-17", "Statement": vec![statement]}});
    on_bucket(site, bucket, call, "policy", random)
}

/// `s3:DeleteBucketPolicy`.
pub(crate) fn delete_bucket_policy(site: &Site, bucket: &str, random: &mut Random) -> Call {
    on_bucket(site, bucket, Call::write("s3", "DeleteBucketPolicy"), "policy", random)
}

/// `s3:PutBucketLifecycle`: what is older than `days` days goes.
pub(crate) fn put_bucket_lifecycle(site: &Site, bucket: &str, days: i64, random: &mut Random) -> Call {
    let call = Call::write("s3", "PutBucketLifecycle").request(object! {
        "LifecycleConfiguration": object! {
            "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/",
            "Rule": object! {"ID": "古いログを削除", "Status": "Enabled", "Expiration": object! {"Days": days}},
        },
    });
    on_bucket(site, bucket, call, "lifecycle", random)
}

/// `s3:PutBucketPublicAccessBlock` with all four switches at `blocked`.
pub(crate) fn put_public_access_block(site: &Site, bucket: &str, blocked: bool, random: &mut Random) -> Call {
    let call = Call::write("s3", "PutBucketPublicAccessBlock").request(object! {
        "PublicAccessBlockConfiguration": object! {
            "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/",
            "BlockPublicAcls": blocked,
            "IgnorePublicAcls": blocked,
            "BlockPublicPolicy": blocked,
            "RestrictPublicBuckets": blocked,
        },
    });
    on_bucket(site, bucket, call, "publicAccessBlock", random)
}

/// `s3:DeleteBucketPublicAccessBlock`.
pub(crate) fn delete_public_access_block(site: &Site, bucket: &str, random: &mut Random) -> Call {
    let call = Call::write("s3", "DeleteBucketPublicAccessBlock");
    on_bucket(site, bucket, call, "publicAccessBlock", random)
}

/// A data event on an object: `GetObject` or `PutObject`.
pub(crate) fn object(site: &Site, name: &'static str, key: &str, random: &mut Random) -> Call {
    let bucket = site.bucket("invoices");
    let size = random.between(4_000, 900_000);
    let call = if name == "PutObject" {
        Call::write("s3", name)
            .response(object! {"x-amz-server-side-encryption": "aws:kms", "x-amz-version-id": random.letters(32)})
            .additional(transfer(random, size, 0))
    } else {
        Call::read("s3", name).additional(transfer(random, 0, size))
    };
    call.data()
        .request(object! {"bucketName": &bucket, "Host": host(site, &bucket), "key": key})
        .on("", "AWS::S3::Object", format!("arn:aws:s3:::{bucket}/{key}"))
        .on(site.member.id(), "AWS::S3::Bucket", format!("arn:aws:s3:::{bucket}"))
        .host(host(site, &bucket))
}

/// The key of an invoice.
pub(crate) fn invoice(random: &mut Random) -> String {
    format!("請求書/2026-10/{:06}.pdf", random.below(400_000))
}

/// `rds:DescribeDBInstances`.
pub(crate) fn describe_databases(site: &Site, _random: &mut Random) -> Call {
    Call::read("rds", "DescribeDBInstances").request(object! {"dBInstanceIdentifier": format!("{}-orders", site.member.system())})
}

/// `rds:DescribeDBSnapshots`.
pub(crate) fn describe_database_snapshots(site: &Site, _random: &mut Random) -> Call {
    Call::read("rds", "DescribeDBSnapshots").request(object! {
        "dBInstanceIdentifier": format!("{}-orders", site.member.system()),
        "includeShared": false,
        "includePublic": false,
    })
}

/// `ec2:ModifySnapshotAttribute` that lets [`STRANGER`] restore the site's snapshot, or takes that back.
pub(crate) fn share_snapshot(site: &Site, add: bool) -> Call {
    let stranger = items(vec![object! {"userId": STRANGER}]);
    let permission = if add {
        object! {"add": stranger}
    } else {
        object! {"remove": stranger}
    };
    Call::write("ec2", "ModifySnapshotAttribute")
        .request(object! {
            "snapshotId": &site.snapshot,
            "createVolumePermission": permission,
            "attributeType": "CREATE_VOLUME_PERMISSION",
        })
        .response(object! {"_return": true})
}

/// `ec2:ModifyImageAttribute` that lets everybody start the site's image, or takes that back.
pub(crate) fn publish_image(site: &Site, add: bool) -> Call {
    let everybody = items(vec![object! {"group": "all"}]);
    let permission = if add {
        object! {"add": everybody}
    } else {
        object! {"remove": everybody}
    };
    Call::write("ec2", "ModifyImageAttribute")
        .request(object! {"imageId": &site.image, "launchPermission": permission, "attributeType": "launchPermission"})
        .response(object! {"_return": true})
}

/// `athena:StartQueryExecution`.
pub(crate) fn start_query(site: &Site, random: &mut Random) -> Call {
    Call::write("athena", "StartQueryExecution")
        .request(object! {
            "queryString": "***OMITTED***",
            "workGroup": "analysts",
            "queryExecutionContext": object! {"database": "nimotsu"},
            "resultConfiguration": object! {"outputLocation": format!("s3://{}/athena/", site.bucket("lake"))},
        })
        .response(object! {"queryExecutionId": random.uuid()})
}

/// `athena:GetQueryExecution`.
pub(crate) fn get_query(_site: &Site, random: &mut Random) -> Call {
    Call::read("athena", "GetQueryExecution").request(object! {"queryExecutionId": random.uuid()})
}

/// `glue:GetTable`.
pub(crate) fn get_table(site: &Site, random: &mut Random) -> Call {
    let table = *random.pick(&["orders", "shipments", "荷物追跡"]);
    Call::read("glue", "GetTable").request(object! {"catalogId": site.member.id(), "databaseName": "nimotsu", "name": table})
}

/// `glue:GetPartitions`.
pub(crate) fn get_partitions(site: &Site, random: &mut Random) -> Call {
    Call::read("glue", "GetPartitions").request(object! {
        "catalogId": site.member.id(),
        "databaseName": "nimotsu",
        "tableName": "shipments",
        "expression": format!("(day = '2026-10-{:02}')", random.between(1, 30)),
        "maxResults": 1000,
    })
}
