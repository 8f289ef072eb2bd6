//! AWS's own texts, and what is read in them.

use super::*;

const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/AssizeAudit/assize";
const KEY: &str = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const SCP: &str = "arn:aws:organizations::987654321098:policy/o-qv5af4abcd/service_control_policy/p-2kgnabcd";

fn answer<'a>(action: &'a str, region: &str, status: u16, code: &'a str, message: &'a str) -> Answer<'a> {
    let (service, operation) = match action {
        "s3:GetObject" => ("S3", "GetObject"),
        "s3:PutObject" => ("S3", "PutObject"),
        "sts:AssumeRole" => ("STS", "AssumeRole"),
        _ => ("CloudTrail", "DescribeTrails"),
    };
    let call = Call { service, operation, region: region.to_owned() };
    Answer { call, action, resource: None, status, code, message }
}

fn denied(action: &str, code: &str, message: &str) -> Denial {
    let error = classify(answer(action, "eu-west-1", 403, code, message));
    error.denial().unwrap_or_else(|| panic!("{message}: {error}")).clone()
}

#[test]
fn every_kind_of_policy_is_recognised() {
    let scp = |arn: Option<&str>| DenialCause::Scp { arn: arn.map(str::to_owned) };
    let explicit_scp = format!("with an explicit deny in a service control policy: {SCP}");
    let boundary = "arn:aws:iam::111122223333:policy/Boundary";
    let explicit_boundary = format!("with an explicit deny in a permissions boundary: {boundary}");
    let action = "cloudtrail:DescribeTrails";
    let cases: [(&str, DenialCause, bool, Option<&str>); 21] = [
        (
            "because no identity-based policy allows the cloudtrail:DescribeTrails action",
            DenialCause::IdentityPolicy,
            false,
            None,
        ),
        ("with an explicit deny in an identity-based policy", DenialCause::IdentityPolicy, true, None),
        ("because no service control policy allows the cloudtrail:DescribeTrails action", scp(None), false, None),
        ("with an explicit deny in a service control policy", scp(None), true, None),
        ("due to an explicit deny in a Service Control Policy", scp(None), true, None),
        (&explicit_scp, scp(Some(SCP)), true, Some(SCP)),
        (
            "because no resource control policy allows the cloudtrail:DescribeTrails action",
            DenialCause::ResourceControlPolicy,
            false,
            None,
        ),
        ("with an explicit deny in a resource control policy", DenialCause::ResourceControlPolicy, true, None),
        (
            "because no permissions boundary allows the cloudtrail:DescribeTrails action",
            DenialCause::PermissionsBoundary,
            false,
            None,
        ),
        ("with an explicit deny in a permissions boundary", DenialCause::PermissionsBoundary, true, None),
        (&explicit_boundary, DenialCause::PermissionsBoundary, true, Some(boundary)),
        ("because no session policy allows the cloudtrail:DescribeTrails action", DenialCause::SessionPolicy, false, None),
        ("with an explicit deny in a session policy", DenialCause::SessionPolicy, true, None),
        (
            "because no resource-based policy allows the cloudtrail:DescribeTrails action",
            DenialCause::ResourcePolicy,
            false,
            None,
        ),
        ("with an explicit deny in a resource-based policy", DenialCause::ResourcePolicy, true, None),
        ("because no VPC endpoint policy allows the cloudtrail:DescribeTrails action", DenialCause::EndpointPolicy, false, None),
        ("with an explicit deny in a VPC endpoint policy", DenialCause::EndpointPolicy, true, None),
        ("with an explicit deny in the role trust policy", DenialCause::TrustPolicy, true, None),
        ("with an explicit deny", DenialCause::Unknown, true, None),
        ("with an explicit deny in a policy of a kind that is new", DenialCause::Unknown, true, None),
        ("", DenialCause::Unknown, false, None),
    ];
    for (context, cause, explicit, policy) in cases {
        for resource in [None, Some("arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"), Some("*")] {
            let on = resource.map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
            let message = format!("User: {ROLE} is not authorized to perform: {action}{on} {context}");
            let denial = denied(action, "AccessDeniedException", message.trim());
            assert_eq!((&denial.cause, denial.explicit), (&cause, explicit), "{message}");
            assert_eq!(denial.policy.as_deref(), policy, "{message}");
            assert_eq!((denial.action.as_str(), denial.principal.as_deref()), (action, Some(ROLE)), "{message}");
            assert_eq!(denial.resource.as_deref(), resource, "{message}");
        }
    }
}

#[test]
fn messages_that_say_less_are_denials_too() {
    let cases = [
        ("AccessDenied", "Access Denied"),
        ("AccessDeniedException", "You don't have permissions to access this resource."),
        ("UnauthorizedOperation", "You are not authorized to perform this operation."),
        ("Client.UnauthorizedOperation", "You are not authorized to perform this operation."),
        ("AccessDeniedException", ""),
        ("", ""),
    ];
    for (code, message) in cases {
        let denial = denied("cloudtrail:DescribeTrails", code, message);
        assert_eq!((&denial.cause, denial.action.as_str()), (&DenialCause::Unknown, "cloudtrail:DescribeTrails"), "{code}");
        assert_eq!((denial.principal, denial.resource), (None, None), "{code}");
    }
    let encoded = "You are not authorized to perform this operation. User: arn:aws:iam::1:user/a is not authorized to perform: \
        ec2:DescribeRegions because no identity-based policy allows the ec2:DescribeRegions action. \
        Encoded authorization failure message: kG7t0lQPWXkfaAgW";
    let denial = denied("ec2:DescribeRegions", "UnauthorizedOperation", encoded);
    assert_eq!((denial.cause, denial.explicit, denial.resource), (DenialCause::IdentityPolicy, false, None));
    assert_eq!(denial.action, "ec2:DescribeRegions");
    assert!(!denial.message.contains("kG7t0"), "{}", denial.message);
    let quoted = format!(
        "User: {ROLE} is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/a key, with because in it\" \
         because no identity-based policy allows the s3:GetObject action"
    );
    let denial = denied("s3:GetObject", "AccessDenied", &quoted);
    assert_eq!(denial.cause, DenialCause::IdentityPolicy);
    assert_eq!(denial.resource.as_deref(), Some("arn:aws:s3:::b/a key, with because in it"));
}

#[test]
fn what_kms_says_through_s3_is_about_the_key() {
    let by_key = format!(
        "User: {ROLE} is not authorized to perform: kms:Decrypt on resource: {KEY} because no resource-based policy allows the kms:Decrypt action"
    );
    let by_role = format!(
        "User: {ROLE} is not authorized to perform: kms:Decrypt on resource: {KEY} because no identity-based policy allows the kms:Decrypt action"
    );
    let by_scp = format!(
        "User: {ROLE} is not authorized to perform: kms:Decrypt on resource: {KEY} with an explicit deny in a service control policy"
    );
    let foreign = format!(
        "User: {ROLE} is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because the resource \
         does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
    );
    let hidden = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not \
        allowed to access.";
    let disabled = format!("{KEY} is disabled.");
    let pending = format!("{KEY} is pending deletion.");
    let cases: [(&str, &str, DenialCause, Option<&str>); 8] = [
        ("AccessDenied", &by_key, DenialCause::KmsKey, Some(KEY)),
        ("AccessDenied", &by_role, DenialCause::IdentityPolicy, Some(KEY)),
        ("AccessDenied", &by_scp, DenialCause::Scp { arn: None }, Some(KEY)),
        ("AccessDenied", &foreign, DenialCause::KmsKey, None),
        ("AccessDenied", hidden, DenialCause::Unknown, None),
        ("KMS.DisabledException", &disabled, DenialCause::KmsKey, Some(KEY)),
        ("KMS.KMSInvalidStateException", &pending, DenialCause::KmsKey, Some(KEY)),
        ("KMS.InvalidStateException", &pending, DenialCause::KmsKey, Some(KEY)),
    ];
    for (code, message, cause, key) in cases {
        let error = classify(answer("s3:GetObject", "eu-west-1", 403, code, message));
        let CloudError::KmsDenied(denial) = &error else { panic!("{message}: {error}") };
        assert_eq!(
            (&denial.cause, denial.resource.as_deref(), denial.action.as_str()),
            (&cause, key, "kms:Decrypt"),
            "{message}"
        );
        assert_eq!(error.reason(), Reason::KmsDenied);
        assert!(error.to_string().contains("kms:Decrypt") && error.to_string().contains("S3 GetObject in eu-west-1"), "{error}");
    }
    let error = classify(answer("s3:PutObject", "eu-west-1", 400, "KMS.DisabledException", &disabled));
    assert_eq!(error.denial().map(|denial| denial.action.as_str()), Some("kms:GenerateDataKey"));
    let busy = classify(answer("s3:GetObject", "eu-west-1", 400, "KMS.ThrottlingException", "Rate exceeded"));
    assert_eq!(busy.reason(), Reason::Throttled);
}

#[test]
fn a_role_that_cannot_be_assumed_says_what_aws_does_not() {
    let role = "arn:aws:iam::444455556666:role/AssizeAudit";
    let message = format!("User: {ROLE} is not authorized to perform: sts:AssumeRole on resource: {role}");
    let error = classify(answer("sts:AssumeRole", "eu-west-1", 403, "AccessDenied", &message));
    assert_eq!(error.reason(), Reason::RoleNotAssumable);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot assume role {role}: sts:AssumeRole is denied to {ROLE} on {role} (AWS says: {message}); AWS does not say which it is: \
             the role does not exist, its trust policy does not name the caller, or the external id is missing or wrong"
        )
    );
    let own = format!("{message} because no identity-based policy allows the sts:AssumeRole action");
    let error = classify(answer("sts:AssumeRole", "eu-west-1", 403, "AccessDenied", &own));
    assert!(error.to_string().ends_with("; allow sts:AssumeRole in the policy of this role or user"), "{error}");
    let CloudError::RoleNotAssumable { role: named, .. } = &error else { panic!("{error}") };
    assert_eq!(named, role);
}

#[test]
fn codes_have_their_reasons() {
    let cases: [(&str, u16, &str, &str, Reason); 33] = [
        ("eu-west-1", 403, "OptInRequired", "You are not subscribed to this service. Please go to …", Reason::RegionDisabled),
        ("eu-west-1", 400, "SubscriptionRequiredException", "The AWS Access Key Id needs a subscription", Reason::RegionDisabled),
        ("me-south-1", 403, "RegionDisabledException", "STS is not activated in this region for account", Reason::RegionDisabled),
        (
            "me-south-1",
            400,
            "UnrecognizedClientException",
            "The security token included in the request is invalid",
            Reason::RegionDisabled,
        ),
        (
            "af-south-1",
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
            Reason::RegionDisabled,
        ),
        (
            "ap-east-1",
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            Reason::RegionDisabled,
        ),
        (
            "eu-west-1",
            400,
            "UnrecognizedClientException",
            "The security token included in the request is invalid",
            Reason::NoCredentials,
        ),
        (
            "cn-north-1",
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            Reason::NoCredentials,
        ),
        (
            "us-gov-west-1",
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
            Reason::NoCredentials,
        ),
        (
            "eu-west-1",
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            Reason::NoCredentials,
        ),
        ("eu-west-1", 403, "SignatureDoesNotMatch", "The request signature we calculated does not match", Reason::NoCredentials),
        (
            "eu-west-1",
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20261122T150000Z is now earlier than 20261122T154500Z",
            Reason::ClockSkew,
        ),
        (
            "eu-west-1",
            400,
            "InvalidSignatureException",
            "Signature not yet current: 20261122T180000Z is still later",
            Reason::ClockSkew,
        ),
        (
            "eu-west-1",
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            Reason::ClockSkew,
        ),
        ("eu-west-1", 503, "SlowDown", "Please reduce your request rate.", Reason::Throttled),
        ("eu-west-1", 400, "ThrottlingException", "Rate exceeded", Reason::Throttled),
        ("eu-west-1", 503, "RequestLimitExceeded", "Request limit exceeded.", Reason::Throttled),
        ("eu-west-1", 400, "TooManyRequestsException", "", Reason::Throttled),
        ("eu-west-1", 429, "", "", Reason::Throttled),
        ("eu-west-1", 400, "ExpiredToken", "The provided token has expired.", Reason::CredentialsExpired),
        (
            "eu-west-1",
            400,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            Reason::CredentialsExpired,
        ),
        ("eu-west-1", 400, "RequestExpired", "Request has expired.", Reason::CredentialsExpired),
        ("eu-west-1", 400, "TrailNotFoundException", "Unknown trail", Reason::NotFound),
        ("eu-west-1", 404, "NoSuchBucket", "The specified bucket does not exist", Reason::NotFound),
        ("eu-west-1", 400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", Reason::NotFound),
        ("eu-west-1", 404, "", "", Reason::NotFound),
        (
            "eu-west-1",
            400,
            "AWSOrganizationsNotInUseException",
            "Your account is not a member of an organization.",
            Reason::ServiceError,
        ),
        ("eu-west-1", 400, "ValidationError", "Roles may not be assumed by root accounts.", Reason::ServiceError),
        ("eu-west-1", 500, "InternalError", "We encountered an internal error. Please try again.", Reason::ServiceError),
        ("eu-west-1", 500, "", "", Reason::ServiceError),
        (
            "eu-west-1",
            403,
            "AccessDenied",
            &format!("User: x with an explicit deny in a service control policy: {SCP}"),
            Reason::ScpDenied,
        ),
        ("eu-west-1", 403, "AccessDenied", "User: x with an explicit deny in a resource control policy", Reason::RcpDenied),
        ("eu-west-1", 403, "AccessDenied", "Access Denied", Reason::Denied),
    ];
    for (region, status, code, message, reason) in cases {
        let error = classify(answer("cloudtrail:DescribeTrails", region, status, code, message));
        assert_eq!(error.reason(), reason, "{region} {code}: {error}");
        if error.reason() != Reason::NoCredentials {
            let shown = if code.is_empty() { format!("HTTP {status}") } else { code.to_owned() };
            assert_eq!(error.code(), Some(shown.as_str()));
        }
    }
}

#[test]
fn messages_say_what_to_do_and_name_the_policy_once() {
    let message = format!(
        "User: {ROLE} is not authorized to perform: cloudtrail:DescribeTrails with an explicit deny in a service control policy: {SCP}"
    );
    let error = classify(answer("cloudtrail:DescribeTrails", "eu-west-1", 400, "AccessDeniedException", &message));
    assert_eq!(
        error.to_string(),
        format!(
            "cannot call CloudTrail DescribeTrails in eu-west-1: cloudtrail:DescribeTrails is denied to {ROLE} by a service control policy \
             ({SCP}); only who administers the organisation can except this role from it"
        )
    );
    let message = format!(
        "User: {ROLE} is not authorized to perform: cloudtrail:DescribeTrails because no identity-based policy allows the cloudtrail:DescribeTrails action"
    );
    let error = classify(answer("cloudtrail:DescribeTrails", "eu-west-1", 400, "AccessDeniedException", &message));
    assert_eq!(
        error.to_string(),
        format!(
            "cannot call CloudTrail DescribeTrails in eu-west-1: cloudtrail:DescribeTrails is denied to {ROLE}, no identity-based policy allows \
             it; allow cloudtrail:DescribeTrails in the policy of this role or user"
        )
    );
}

#[test]
fn a_refused_signature_does_not_show_the_token() {
    let token = "FwoGZXIvYXdzEB".repeat(20);
    let message = format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key.\n\n\
         The Canonical String for this request should have been\n'POST\n/\n\nx-amz-security-token:{token}\n'"
    );
    for code in ["InvalidSignatureException", "SignatureDoesNotMatch", "SomethingElse"] {
        let shown = classify(answer("cloudtrail:DescribeTrails", "eu-west-1", 403, code, &message)).to_string();
        assert!(!shown.contains("FwoG") && !shown.contains('\n'), "{shown}");
    }
    let short = message.replace(&token, "FwoG");
    let shown = classify(answer("cloudtrail:DescribeTrails", "eu-west-1", 403, "InvalidSignatureException", &short)).to_string();
    assert!(!shown.contains("FwoG"), "{shown}");
}

#[test]
fn texts_from_outside_stay_on_one_short_line() {
    assert_eq!(clean(" a\nb\t\u{1b}[31mc\u{202e} 'd' \u{85}é\r\n"), "a b \\u{1b}[31mc\\u{202e} 'd' \\u{85}é");
    assert!(clean(&"word ".repeat(10_000)).len() < 800);
    assert_eq!(clean(&format!("token {} end", "A".repeat(101))), "token … end");
    let token = "IQoJb3JpZ2luX2VjE/a+".repeat(10);
    assert_eq!(clean(&format!("x-amz-security-token:{token}\nend")), "x-amz-security-token:… end");
    assert!(!clean(&format!("Token={token}&x")).contains("IQoJ"));
    let key = format!("arn:aws:s3:::b/AWSLogs/o-abc/{}", "2026-11-22/".repeat(20));
    assert_eq!(clean(&key), key, "a long key is no token");
    assert_eq!(clean(""), "");
}
