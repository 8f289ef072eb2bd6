//! Identities, roles, sign-in, keys and secrets.

use crate::demo::calendar::{format, rfc3339};
use crate::demo::estate::{Member, Site};
use crate::demo::json::{Json, object};
use crate::demo::random::Random;
use crate::demo::record::Call;
use crate::demo::session::{Session, Who};

/// What every way of assuming a role for an hour asks for.
fn role_request(session: &Session) -> Json {
    object! {
        "roleArn": session.role_arn(),
        "roleSessionName": session_name(session),
        "durationSeconds": 3600,
    }
}

/// Credentials as STS answers them; `key` appears again in the session's records.
fn credentials(key: &str, expires: i64, random: &mut Random) -> Json {
    object! {
        "accessKeyId": key,
        "sessionToken": format!("IQoJb3JpZ2luX2VjE{}", random.letters(180)),
        "expiration": format(expires, "%b %-d, %Y, %-I:%M:%S %p"),
    }
}

fn assumed(session: &Session) -> Json {
    object! {"assumedRoleId": session.principal_id(), "arn": session.arn()}
}

fn role_resource(call: Call, session: &Session) -> Call {
    call.on(session.member.id(), "AWS::IAM::Role", session.role_arn())
}

fn session_name(session: &Session) -> &str {
    match &session.who {
        Who::Role { session, .. } => session,
        _ => "",
    }
}

/// `sts:AssumeRole` that begins `session` at `now`.
pub(crate) fn assume_role(session: &Session, now: i64, random: &mut Random) -> Call {
    let call = Call::read("sts", "AssumeRole").request(role_request(session)).response(object! {
        "credentials": credentials(&session.key, now + 3600, random),
        "assumedRoleUser": assumed(session),
    });
    role_resource(call, session)
}

/// `sts:AssumeRoleWithWebIdentity` that begins `session`, vouched for by an OIDC provider.
pub(crate) fn assume_role_with_web_identity(session: &Session, subject: &str, now: i64, random: &mut Random) -> Call {
    let provider = session.web.unwrap_or_default();
    let call = Call::read("sts", "AssumeRoleWithWebIdentity").request(role_request(session)).response(object! {
        "credentials": credentials(&session.key, now + 3600, random),
        "subjectFromWebIdentityToken": subject,
        "assumedRoleUser": assumed(session),
        "provider": format!("arn:aws:iam::{}:oidc-provider/{provider}", session.member.id()),
        "audience": "sts.amazonaws.com",
    });
    role_resource(call, session)
}

/// `sts:AssumeRoleWithSAML` that begins a person's session out of Identity Center.
pub(crate) fn assume_role_with_saml(session: &Session, now: i64, random: &mut Random) -> Call {
    let provider = saml_provider(session.member);
    let call = Call::read("sts", "AssumeRoleWithSAML")
        .request(object! {
            "sAMLAssertionID": format!("_{}", random.uuid()),
            "roleSessionName": session_name(session),
            "roleArn": session.role_arn(),
            "principalArn": &provider,
            "durationSeconds": 28_800,
        })
        .response(object! {
            "subjectType": "persistent",
            "issuer": "https://portal.sso.ap-northeast-1.amazonaws.com/saml/assertion",
            "credentials": credentials(&session.key, now + 28_800, random),
            "nameQualifier": format!("{}=", random.letters(27)),
            "assumedRoleUser": assumed(session),
            "subject": session_name(session),
            "audience": "https://signin.aws.amazon.com/saml",
        });
    role_resource(call, session).on(session.member.id(), "AWS::IAM::SAMLProvider", provider)
}

/// The ARN of the SAML provider that Identity Center keeps in each account.
pub(crate) fn saml_provider(member: Member) -> String {
    format!("arn:aws:iam::{}:saml-provider/AWSSSO_4c1f0d6be2a97853_DO_NOT_DELETE", member.id())
}

/// `sts:GetCallerIdentity`.
pub(crate) fn get_caller_identity(_site: &Site, _random: &mut Random) -> Call {
    Call::read("sts", "GetCallerIdentity")
}

/// `signin:ConsoleLogin`; `mfa` is what the sign-in page knows, `ok` whether it let the person in.
pub(crate) fn console_login(mfa: bool, ok: bool) -> Call {
    Call::write("signin", "ConsoleLogin")
        .kind("AwsConsoleSignIn")
        .response(object! {"ConsoleLogin": if ok { "Success" } else { "Failure" }})
        .additional(object! {
            "LoginTo": "https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgsFromTB_ap-northeast-1",
            "MobileVersion": "No",
            "MFAUsed": if mfa { "Yes" } else { "No" },
        })
        .host("signin.aws.amazon.com".to_owned())
}

/// Identity Center: a person proved who they are.
pub(crate) fn user_authentication(random: &mut Random) -> Call {
    Call::write("signin", "UserAuthentication")
        .kind("AwsServiceEvent")
        .additional(object! {
            "AuthWorkflowID": random.uuid(),
            "LoginTo": "https://d-95677a1c2e.awsapps.com/start",
            "CredentialType": *random.pick(&["EXTERNAL_IDP", "EXTERNAL_IDP", "WEBAUTHN"]),
        })
        .details(object! {"UserAuthentication": "Success"})
}

/// Identity Center: a person opened a role, in the console (`Federate`) or for the command line (`GetRoleCredentials`).
pub(crate) fn open_role(session: &Session) -> Call {
    let role = match &session.who {
        Who::Role { role, .. } => role.split('_').nth(1).unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let details = object! {"role_name": role, "account_id": session.member.id()};
    if session.console {
        Call::read("sso", "Federate").kind("AwsServiceEvent").details(details)
    } else {
        Call::read("sso", "GetRoleCredentials").kind("AwsServiceEvent").details(details)
    }
}

/// `iam:ListUsers`.
pub(crate) fn list_users(_site: &Site, _random: &mut Random) -> Call {
    Call::read("iam", "ListUsers").request(object! {"maxItems": 100})
}

/// `iam:ListRoles`.
pub(crate) fn list_roles(_site: &Site, _random: &mut Random) -> Call {
    Call::read("iam", "ListRoles").request(object! {"maxItems": 1000})
}

/// `iam:GetAccountSummary`.
pub(crate) fn get_account_summary(_site: &Site, _random: &mut Random) -> Call {
    Call::read("iam", "GetAccountSummary")
}

/// `iam:GetRole`.
pub(crate) fn get_role(site: &Site, _random: &mut Random) -> Call {
    Call::read("iam", "GetRole").request(object! {"roleName": format!("{}-task", site.service())})
}

/// `iam:ListAttachedRolePolicies`.
pub(crate) fn list_attached_role_policies(site: &Site, _random: &mut Random) -> Call {
    Call::read("iam", "ListAttachedRolePolicies").request(object! {"roleName": format!("{}-task", site.service())})
}

/// `iam:ListAccessKeys` of a user.
pub(crate) fn list_access_keys(user: &str) -> Call {
    Call::read("iam", "ListAccessKeys").request(object! {"userName": user})
}

/// `iam:GenerateCredentialReport`.
pub(crate) fn generate_credential_report(_site: &Site, _random: &mut Random) -> Call {
    Call::read("iam", "GenerateCredentialReport").response(object! {"state": "COMPLETE"})
}

/// `iam:CreateUser`.
pub(crate) fn create_user(member: Member, user: &str, now: i64, random: &mut Random) -> Call {
    Call::write("iam", "CreateUser").request(object! {"userName": user, "path": "/"}).response(object! {"user": object! {
        "path": "/",
        "userName": user,
        "userId": random.unique_id("AIDA"),
        "arn": format!("arn:aws:iam::{}:user/{user}", member.id()),
        "createDate": format(now, "%b %-d, %Y, %-I:%M:%S %p"),
    }})
}

/// `iam:CreateAccessKey`.
pub(crate) fn create_access_key(user: &str, key: &str, now: i64) -> Call {
    Call::write("iam", "CreateAccessKey").request(object! {"userName": user}).response(object! {"accessKey": object! {
        "userName": user,
        "accessKeyId": key,
        "status": "Active",
        "createDate": format(now, "%b %-d, %Y, %-I:%M:%S %p"),
    }})
}

/// `iam:UpdateAccessKey` that switches a key off.
pub(crate) fn disable_access_key(user: &str, key: &str) -> Call {
    Call::write("iam", "UpdateAccessKey").request(object! {"userName": user, "accessKeyId": key, "status": "Inactive"})
}

/// `iam:AttachUserPolicy` or `DetachUserPolicy` with an AWS managed policy.
pub(crate) fn user_policy(name: &'static str, user: &str, policy: &str) -> Call {
    Call::write("iam", name).request(object! {"userName": user, "policyArn": format!("arn:aws:iam::aws:policy/{policy}")})
}

/// `iam:DeleteUser`.
pub(crate) fn delete_user(user: &str) -> Call {
    Call::write("iam", "DeleteUser").request(object! {"userName": user})
}

/// `iam:AttachRolePolicy`.
pub(crate) fn attach_role_policy(site: &Site, policy: &str) -> Call {
    Call::write("iam", "AttachRolePolicy").request(object! {
        "roleName": format!("{}-task", site.service()),
        "policyArn": format!("arn:aws:iam::aws:policy/{policy}"),
    })
}

/// `iam:PutRolePolicy`: the task role may read one bucket.
pub(crate) fn put_role_policy(site: &Site) -> Call {
    let document = format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\"],\"Resource\":\
         \"arn:aws:s3:::{}/*\"}}]}}",
        site.bucket("uploads")
    );
    Call::write("iam", "PutRolePolicy").request(object! {
        "roleName": format!("{}-task", site.service()),
        "policyName": "read-uploads",
        "policyDocument": document,
    })
}

/// `iam:CreatePolicyVersion`.
pub(crate) fn create_policy_version(site: &Site, now: i64, random: &mut Random) -> Call {
    Call::write("iam", "CreatePolicyVersion")
        .request(object! {
            "policyArn": format!("arn:aws:iam::{}:policy/{}-deploy", site.member.id(), site.member.system()),
            "policyDocument": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\
                [\"ecs:UpdateService\",\"ecs:RegisterTaskDefinition\"],\"Resource\":\"*\"}]}",
            "setAsDefault": true,
        })
        .response(object! {"policyVersion": object! {
            "versionId": format!("v{}", random.between(4, 40)),
            "isDefaultVersion": true,
            "createDate": format(now, "%b %-d, %Y, %-I:%M:%S %p"),
        }})
}

/// `kms:Decrypt`.
pub(crate) fn decrypt(site: &Site, random: &mut Random) -> Call {
    Call::read("kms", "Decrypt")
        .request(object! {
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "encryptionContext": object! {"aws:s3:arn": format!("arn:aws:s3:::{}", site.bucket("invoices"))},
            "keyId": site.key_arn(),
        })
        .additional(object! {"keyMaterialId": random.hex(64)})
        .on(site.member.id(), "AWS::KMS::Key", site.key_arn())
}

/// `kms:GenerateDataKey`.
pub(crate) fn generate_data_key(site: &Site, random: &mut Random) -> Call {
    Call::read("kms", "GenerateDataKey")
        .request(object! {
            "keySpec": "AES_256",
            "keyId": site.key_arn(),
            "encryptionContext": object! {"aws:s3:arn": format!("arn:aws:s3:::{}", site.bucket("invoices"))},
        })
        .additional(object! {"keyMaterialId": random.hex(64)})
        .on(site.member.id(), "AWS::KMS::Key", site.key_arn())
}

/// `kms:DescribeKey`.
pub(crate) fn describe_key(site: &Site, _random: &mut Random) -> Call {
    Call::read("kms", "DescribeKey").request(object! {"keyId": site.key_arn()}).on(
        site.member.id(),
        "AWS::KMS::Key",
        site.key_arn(),
    )
}

/// `kms:ScheduleKeyDeletion` in seven days from `now`.
pub(crate) fn schedule_key_deletion(site: &Site, now: i64) -> Call {
    Call::write("kms", "ScheduleKeyDeletion")
        .request(object! {"keyId": site.key_arn(), "pendingWindowInDays": 7})
        .response(object! {
            "keyId": site.key_arn(),
            "keyState": "PendingDeletion",
            "deletionDate": format(now + 7 * 86_400, "%b %-d, %Y, %-I:%M:%S %p"),
            "pendingWindowInDays": 7,
        })
        .on(site.member.id(), "AWS::KMS::Key", site.key_arn())
}

/// `kms:DisableKey`, `EnableKey` or `CancelKeyDeletion`.
pub(crate) fn switch_key(site: &Site, name: &'static str) -> Call {
    Call::write("kms", name).request(object! {"keyId": site.key_arn()}).response(object! {"keyId": site.key_arn()}).on(
        site.member.id(),
        "AWS::KMS::Key",
        site.key_arn(),
    )
}

/// KMS rotated the key by itself.
pub(crate) fn rotate_key(site: &Site) -> Call {
    Call::write("kms", "RotateKey").kind("AwsServiceEvent").details(object! {"keyId": &site.key, "rotationType": "AUTOMATIC"}).on(
        site.member.id(),
        "AWS::KMS::Key",
        site.key_arn(),
    )
}

/// `secretsmanager:GetSecretValue`.
pub(crate) fn get_secret_value(site: &Site, _random: &mut Random) -> Call {
    let secret = site.arn("secretsmanager", &format!("secret:{}/database-{}", site.member.system(), site.suffix));
    Call::read("secretsmanager", "GetSecretValue").request(object! {"secretId": secret})
}

/// `ssm:GetParameter`.
pub(crate) fn get_parameter(site: &Site, random: &mut Random) -> Call {
    let name = *random.pick(&["feature-flags", "api-endpoint", "消費税率"]);
    let name = format!("/{}/{name}", site.member.system());
    let arn = site.arn("ssm", &format!("parameter{name}"));
    Call::read("ssm", "GetParameter").request(object! {"name": name, "withDecryption": true}).on(
        site.member.id(),
        "AWS::SSM::Parameter",
        arn,
    )
}

/// `ssm:PutParameter`.
pub(crate) fn put_parameter(site: &Site, random: &mut Random) -> Call {
    Call::write("ssm", "PutParameter")
        .request(object! {
            "name": format!("/{}/release", site.member.system()),
            "type": "String",
            "overwrite": true,
            "value": "HIDDEN_DUE_TO_SECURITY_REASONS",
        })
        .response(object! {"version": random.between(20, 900), "tier": "Standard"})
}

/// `ssm:UpdateInstanceInformation`: the agent on an instance says it is alive.
pub(crate) fn update_instance_information(site: &Site, instance: &str, random: &mut Random) -> Call {
    Call::write("ssm", "UpdateInstanceInformation").request(object! {
        "instanceId": instance,
        "agentVersion": "3.3.2471.0",
        "agentStatus": "Active",
        "platformType": "Linux",
        "platformName": "Amazon Linux",
        "platformVersion": "2023",
        "iPAddress": format!("{}.{}.{}", site.member.network(), random.below(8), random.between(10, 250)),
        "agentName": "amazon-ssm-agent",
        "availabilityZone": format!("{}a", site.region.name()),
    })
}

/// `ssm:DescribeInstanceInformation`.
pub(crate) fn describe_instance_information(_site: &Site, _random: &mut Random) -> Call {
    Call::read("ssm", "DescribeInstanceInformation").request(object! {"maxResults": 50})
}

/// The moment as STS writes it into a session's name.
pub(crate) fn stamped(prefix: &str, now: i64) -> String {
    let stamp: String = rfc3339(now).chars().filter(char::is_ascii_digit).collect();
    format!("{prefix}-{stamp}")
}
