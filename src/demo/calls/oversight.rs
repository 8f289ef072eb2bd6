//! Trails, configuration recording, logs, metrics, costs and the organisation itself.

use crate::demo::estate::{Member, Site};
use crate::demo::json::{Json, object};
use crate::demo::random::Random;
use crate::demo::record::Call;

/// The organisation trail.
pub(crate) fn organisation_trail() -> String {
    format!("arn:aws:cloudtrail:ap-northeast-1:{}:trail/kaigan-organisation", Member::Management.id())
}

/// The trail that an account keeps of its own in one region, beside the organisation's.
pub(crate) fn local_trail(site: &Site) -> String {
    site.arn("cloudtrail", &format!("trail/{}", local_trail_name(site.member)))
}

/// The name of those trails.
pub(crate) fn local_trail_name(member: Member) -> String {
    format!("{}-local", member.name())
}

/// `cloudtrail:DescribeTrails`.
pub(crate) fn describe_trails(_site: &Site, _random: &mut Random) -> Call {
    Call::read("cloudtrail", "DescribeTrails").request(object! {"trailNameList": Vec::new(), "includeShadowTrails": true})
}

/// `cloudtrail:GetTrailStatus`.
pub(crate) fn get_trail_status(site: &Site, random: &mut Random) -> Call {
    let trail = if random.chance(700) { organisation_trail() } else { local_trail(site) };
    Call::read("cloudtrail", "GetTrailStatus").request(object! {"name": trail})
}

/// `cloudtrail:LookupEvents`.
pub(crate) fn lookup_events(_site: &Site, _random: &mut Random) -> Call {
    Call::read("cloudtrail", "LookupEvents").request(object! {
        "maxResults": 50,
        "lookupAttributes": vec![object! {"attributeKey": "ReadOnly", "attributeValue": "false"}],
    })
}

/// `cloudtrail:StopLogging` or `StartLogging` of the site's own trail.
pub(crate) fn switch_trail(site: &Site, name: &'static str) -> Call {
    Call::write("cloudtrail", name).request(object! {"name": local_trail(site)})
}

/// `cloudtrail:PutEventSelectors` on the site's own trail: what it records of reads and writes.
pub(crate) fn put_event_selectors(site: &Site, kind: &str, management: bool) -> Call {
    let selectors = vec![object! {
        "readWriteType": kind,
        "includeManagementEvents": management,
        "dataResources": vec![object! {
            "type": "AWS::S3::Object",
            "values": vec![Json::from(format!("arn:aws:s3:::{}/", site.bucket("invoices")))],
        }],
        "excludeManagementEventSources": Vec::new(),
    }];
    Call::write("cloudtrail", "PutEventSelectors")
        .request(object! {"trailName": local_trail(site), "eventSelectors": selectors.clone()})
        .response(object! {"trailARN": local_trail(site), "eventSelectors": selectors})
}

/// `cloudtrail:GetEventSelectors`.
pub(crate) fn get_event_selectors(site: &Site, _random: &mut Random) -> Call {
    Call::read("cloudtrail", "GetEventSelectors").request(object! {"trailName": local_trail(site)})
}

/// `config:DescribeConfigurationRecorderStatus`.
pub(crate) fn describe_recorder_status(_site: &Site, _random: &mut Random) -> Call {
    Call::read("config", "DescribeConfigurationRecorderStatus").request(object! {})
}

/// `config:DescribeComplianceByConfigRule`.
pub(crate) fn describe_compliance(_site: &Site, _random: &mut Random) -> Call {
    Call::read("config", "DescribeComplianceByConfigRule").request(object! {"complianceTypes": vec![Json::from("NON_COMPLIANT")]})
}

/// `config:StopConfigurationRecorder` or `StartConfigurationRecorder`.
pub(crate) fn switch_recorder(name: &'static str) -> Call {
    Call::write("config", name).request(object! {"configurationRecorderName": "default"})
}

/// `config:PutConfigurationRecorder`: everything is recorded.
pub(crate) fn put_recorder(site: &Site) -> Call {
    Call::write("config", "PutConfigurationRecorder").request(object! {
        "configurationRecorder": object! {
            "name": "default",
            "roleARN": format!(
                "arn:aws:iam::{}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
                site.member.id()
            ),
            "recordingGroup": object! {"allSupported": true, "includeGlobalResourceTypes": true},
        },
    })
}

/// `config:PutDeliveryChannel`.
pub(crate) fn put_delivery_channel(site: &Site) -> Call {
    Call::write("config", "PutDeliveryChannel").request(object! {
        "deliveryChannel": object! {
            "name": "default",
            "s3BucketName": format!("kaigan-config-{}", site.suffix),
            "configSnapshotDeliveryProperties": object! {"deliveryFrequency": "Six_Hours"},
        },
    })
}

/// `logs:CreateLogStream`.
pub(crate) fn create_log_stream(site: &Site, random: &mut Random) -> Call {
    Call::write("logs", "CreateLogStream").request(object! {
        "logGroupName": format!("/aws/lambda/{}-order-events", site.member.system()),
        "logStreamName": format!("2026/10/{:02}/[$LATEST]{}", random.between(1, 30), random.hex(32)),
    })
}

/// `logs:DescribeLogGroups`.
pub(crate) fn describe_log_groups(site: &Site, _random: &mut Random) -> Call {
    Call::read("logs", "DescribeLogGroups")
        .request(object! {"logGroupNamePrefix": format!("/aws/lambda/{}", site.member.system()), "limit": 50})
}

/// `logs:StartQuery`.
pub(crate) fn start_log_query(site: &Site, random: &mut Random) -> Call {
    Call::read("logs", "StartQuery")
        .request(object! {
            "logGroupName": format!("/ecs/{}", site.service()),
            "queryString": "fields @timestamp, @message | filter @message like /エラー/ | limit 100",
            "limit": 100,
        })
        .response(object! {"queryId": random.uuid()})
}

/// `monitoring:DescribeAlarms`.
pub(crate) fn describe_alarms(_site: &Site, random: &mut Random) -> Call {
    let state = *random.pick(&["ALARM", "OK"]);
    Call::read("monitoring", "DescribeAlarms").request(object! {"maxRecords": 100, "stateValue": state})
}

/// `monitoring:ListMetrics`.
pub(crate) fn list_metrics(_site: &Site, random: &mut Random) -> Call {
    let namespace = *random.pick(&["AWS/EC2", "AWS/ECS", "AWS/ApplicationELB", "AWS/RDS", "AWS/Lambda"]);
    Call::read("monitoring", "ListMetrics").request(object! {"namespace": namespace, "recentlyActive": "PT3H"})
}

/// `guardduty:ListDetectors`.
pub(crate) fn list_detectors(_site: &Site, _random: &mut Random) -> Call {
    Call::read("guardduty", "ListDetectors").request(object! {"maxResults": 50})
}

/// `securityhub:GetFindings`.
pub(crate) fn get_findings(_site: &Site, _random: &mut Random) -> Call {
    Call::read("securityhub", "GetFindings").request(object! {
        "MaxResults": 100,
        "Filters": object! {"RecordState": vec![object! {"Value": "ACTIVE", "Comparison": "EQUALS"}]},
    })
}

/// `tagging:GetResources`.
pub(crate) fn get_resources(_site: &Site, _random: &mut Random) -> Call {
    Call::read("tagging", "GetResources").request(object! {
        "resourcesPerPage": 100,
        "tagFilters": vec![object! {"key": "システム", "values": vec![Json::from("店舗サイト")]}],
    })
}

/// `organizations:ListAccounts`.
pub(crate) fn list_accounts(_site: &Site, _random: &mut Random) -> Call {
    Call::read("organizations", "ListAccounts").request(object! {"maxResults": 20})
}

/// `organizations:DescribeOrganization`.
pub(crate) fn describe_organization(_site: &Site, _random: &mut Random) -> Call {
    Call::read("organizations", "DescribeOrganization")
}

/// `organizations:AttachPolicy`: a service control policy for a target.
pub(crate) fn attach_control_policy(target: &str) -> Call {
    Call::write("organizations", "AttachPolicy").request(object! {"policyId": "p-k4ig4nd3ny", "targetId": target})
}

/// `organizations:UpdatePolicy`.
pub(crate) fn update_control_policy() -> Call {
    Call::write("organizations", "UpdatePolicy").request(object! {
        "policyId": "p-k4ig4nd3ny",
        "name": "deny-unused-regions",
        "description": "使わないリージョンを禁止",
    })
}

/// `organizations:LeaveOrganization`.
pub(crate) fn leave_organization() -> Call {
    Call::write("organizations", "LeaveOrganization")
}

/// `ce:GetCostAndUsage`.
pub(crate) fn get_cost(_site: &Site, _random: &mut Random) -> Call {
    Call::read("ce", "GetCostAndUsage").request(object! {
        "TimePeriod": object! {"Start": "2026-10-01", "End": "2026-10-31"},
        "Granularity": "DAILY",
        "Metrics": vec![Json::from("UnblendedCost")],
        "GroupBy": vec![object! {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}],
    })
}

/// `support:DescribeTrustedAdvisorChecks`.
pub(crate) fn describe_advice(_site: &Site, _random: &mut Random) -> Call {
    Call::read("support", "DescribeTrustedAdvisorChecks").request(object! {"language": "ja"})
}

/// `backup:ListRecoveryPointsByBackupVault`.
pub(crate) fn list_recovery_points(_site: &Site, _random: &mut Random) -> Call {
    Call::read("backup", "ListRecoveryPointsByBackupVault").request(object! {"backupVaultName": "Default", "maxResults": 100})
}
