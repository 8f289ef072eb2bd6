//! One API call and its outcome, and the text of its CloudTrail record.
//!
//! The order and the presence of fields follow what trails deliver for event versions 1.08 to 1.11.

use crate::demo::calendar::rfc3339;
use crate::demo::estate::{Member, Region};
use crate::demo::json::{Json, object};
use crate::demo::random::Random;
use crate::demo::session::{Session, Who};

/// An API call, before it is known who makes it and when.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The service, without `.amazonaws.com`.
    pub(crate) source: &'static str,
    /// The event's name.
    pub(crate) name: &'static str,
    /// Whether the call only reads.
    pub(crate) read_only: bool,
    /// Whether it is a data event.
    pub(crate) data: bool,
    /// `AwsApiCall` for most.
    pub(crate) kind: &'static str,
    /// `requestParameters`.
    pub(crate) request: Json,
    /// `responseElements`.
    pub(crate) response: Json,
    /// `additionalEventData`.
    pub(crate) additional: Option<Json>,
    /// `serviceEventDetails`.
    pub(crate) details: Option<Json>,
    /// `resources`: account, type, ARN.
    pub(crate) resources: Vec<(String, &'static str, String)>,
    /// The host that was called, if it is not `<service>.<region>.amazonaws.com`.
    pub(crate) host: Option<String>,
    /// `sharedEventID`, for calls that several accounts record.
    pub(crate) shared: Option<String>,
}

impl Call {
    fn new(source: &'static str, name: &'static str, read_only: bool) -> Self {
        Call {
            source,
            name,
            read_only,
            data: false,
            kind: "AwsApiCall",
            request: Json::Null,
            response: Json::Null,
            additional: None,
            details: None,
            resources: Vec::new(),
            host: None,
            shared: None,
        }
    }

    /// A call that reads.
    pub(crate) fn read(source: &'static str, name: &'static str) -> Self {
        Call::new(source, name, true)
    }

    /// A call that writes.
    pub(crate) fn write(source: &'static str, name: &'static str) -> Self {
        Call::new(source, name, false)
    }

    /// A data event.
    pub(crate) fn data(mut self) -> Self {
        self.data = true;
        self
    }

    /// Something a service reports rather than an API call: `AwsServiceEvent`, `AwsConsoleSignIn`.
    pub(crate) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Sets `requestParameters`.
    pub(crate) fn request(mut self, request: Json) -> Self {
        self.request = request;
        self
    }

    /// Sets `responseElements`.
    pub(crate) fn response(mut self, response: Json) -> Self {
        self.response = response;
        self
    }

    /// Sets `additionalEventData`.
    pub(crate) fn additional(mut self, additional: Json) -> Self {
        self.additional = Some(additional);
        self
    }

    /// Sets `serviceEventDetails`.
    pub(crate) fn details(mut self, details: Json) -> Self {
        self.details = Some(details);
        self
    }

    /// Adds a resource of `account`.
    pub(crate) fn on(mut self, account: &str, kind: &'static str, arn: String) -> Self {
        self.resources.push((account.to_owned(), kind, arn));
        self
    }

    /// Sets the host that was called.
    pub(crate) fn host(mut self, host: String) -> Self {
        self.host = Some(host);
        self
    }

    /// Sets `sharedEventID`.
    pub(crate) fn shared(mut self, id: &str) -> Self {
        self.shared = Some(id.to_owned());
        self
    }

    /// The region in which the call is recorded when it is made towards `region`.
    pub(crate) fn recorded_in(&self, region: Region) -> Region {
        match self.source {
            "iam" | "organizations" | "route53" | "cloudfront" | "ce" | "support" => Region::Virginia,
            _ => region,
        }
    }
}

/// An error: `errorCode` and `errorMessage`.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The code, as the service spells it; empty where CloudTrail gives only a message, as for failed sign-ins.
    pub(crate) code: &'static str,
    /// The message; empty for none.
    pub(crate) message: String,
}

impl Failure {
    /// The service throttled the caller.
    pub(crate) fn throttled(call: &Call) -> Self {
        Failure {
            code: if call.source == "ec2" { "Client.RequestLimitExceeded" } else { "ThrottlingException" },
            message: "Rate exceeded".to_owned(),
        }
    }

    /// The caller lacks the permission.
    pub(crate) fn denied(call: &Call, session: &Session, resource: &str) -> Self {
        let who = session.arn();
        let action = format!("{}:{}", call.source, call.name);
        if call.source == "ec2" {
            return Failure {
                code: "Client.UnauthorizedOperation",
                message: format!(
                    "You are not authorized to perform this operation. User: {who} is not authorized to perform: \
                     {action} on resource: {resource} because no identity-based policy allows the {action} action"
                ),
            };
        }
        let code = match call.source {
            "s3" | "iam" | "sts" => "AccessDenied",
            _ => "AccessDeniedException",
        };
        Failure {
            code,
            message: format!(
                "User: {who} is not authorized to perform: {action} on resource: {resource} because no \
                 identity-based policy allows the {action} action"
            ),
        }
    }
}

/// When and where a call is recorded, and how late the record is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Event time, in seconds since 1970.
    pub(crate) time: i64,
    /// The region the record says.
    pub(crate) region: Region,
    /// The account that records it.
    pub(crate) recipient: Member,
    /// Whether the record was delivered hours late, which CloudTrail notes in it.
    pub(crate) delayed: bool,
}

/// The text of the record, and its `eventID`.
pub(crate) fn write(
    session: &Session,
    call: &Call,
    failure: Option<&Failure>,
    place: Place,
    random: &mut Random,
) -> (String, String) {
    let id = random.uuid();
    let request_id = random.uuid();
    let mut record = opening(session, call, failure, place);
    outcome(&mut record, call, failure, &request_id);
    if let Some(additional) = &call.additional {
        record.push("additionalEventData", additional.clone());
    }
    if call.source == "s3" {
        record.push("requestID", random.s3_request_id());
    } else if call.kind == "AwsApiCall" {
        record.push("requestID", request_id);
    }
    record.push("eventID", &id);
    record.push("readOnly", call.read_only);
    if !call.resources.is_empty() {
        record.push("resources", resources(call));
    }
    record.push("eventType", call.kind);
    record.push("managementEvent", !call.data);
    record.push("recipientAccountId", place.recipient.id());
    if let Some(shared) = &call.shared {
        record.push("sharedEventID", shared);
    }
    if let Some(details) = &call.details {
        record.push("serviceEventDetails", details.clone());
    }
    record.push("eventCategory", if call.data { "Data" } else { "Management" });
    if place.delayed {
        record.push("addendum", object! {"reason": "DELIVERY_DELAY"});
    }
    if session.over_tls() && matches!(call.kind, "AwsApiCall" | "AwsConsoleSignIn") {
        record.push("tlsDetails", tls(call, place.region));
    }
    if session.console && call.kind == "AwsApiCall" {
        record.push("sessionCredentialFromConsole", "true");
    }
    let mut text = String::with_capacity(2048);
    record.write(&mut text);
    (text, id)
}

fn opening(session: &Session, call: &Call, failure: Option<&Failure>, place: Place) -> Json {
    let unproven = failure.is_some_and(|failure| failure.code.is_empty());
    object! {
        "eventVersion": version(call.source),
        "userIdentity": if unproven { session.claimed_identity() } else { session.identity() },
        "eventTime": rfc3339(place.time),
        "eventSource": format!("{}.amazonaws.com", call.source),
        "eventName": call.name,
        "awsRegion": place.region.name(),
        "sourceIPAddress": &session.address,
        "userAgent": &session.agent,
    }
}

fn outcome(record: &mut Json, call: &Call, failure: Option<&Failure>, request_id: &str) {
    let Some(failure) = failure else {
        record.push("requestParameters", call.request.clone());
        let mut response = call.response.clone();
        if let (Json::Object(fields), "ec2") = (&mut response, call.source) {
            // EC2 repeats the id of the request in its answer.
            fields.insert(0, ("requestId", Json::from(request_id)));
        }
        record.push("responseElements", response);
        return;
    };
    if failure.code.is_empty() {
        // A failed sign-in says so in its response and in the message.
        record.push("errorMessage", &failure.message);
        record.push("requestParameters", Json::Null);
        record.push("responseElements", call.response.clone());
        return;
    }
    record.push("errorCode", failure.code);
    if !failure.message.is_empty() {
        record.push("errorMessage", &failure.message);
    }
    // EC2 and S3 keep the request of a denied call; most other services drop it.
    let denied = failure.code.starts_with("AccessDenied");
    let keeps = call.source == "ec2" || call.source == "s3" || !denied;
    record.push("requestParameters", if keeps { call.request.clone() } else { Json::Null });
    record.push("responseElements", Json::Null);
}

fn resources(call: &Call) -> Json {
    let rows = call.resources.iter().map(|(account, kind, arn)| {
        if account.is_empty() {
            object! {"type": *kind, "ARN": arn}
        } else {
            object! {"accountId": account, "type": *kind, "ARN": arn}
        }
    });
    Json::Array(rows.collect())
}

fn tls(call: &Call, region: Region) -> Json {
    let host = match (&call.host, call.source) {
        (Some(host), _) => host.clone(),
        (None, "iam" | "organizations") => format!("{}.amazonaws.com", call.source),
        (None, source) => format!("{source}.{}.amazonaws.com", region.name()),
    };
    let mut details = object! {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": host,
    };
    if matches!(version(call.source), "1.11") {
        details.push("keyExchange", "X25519MLKEM768");
    }
    details
}

/// The event version that a service writes; they move to newer ones at different times.
fn version(source: &str) -> &'static str {
    match source {
        "signin" | "sso" | "support" | "ce" => "1.08",
        "config" | "athena" | "glue" | "rds" | "backup" | "autoscaling" | "logs" => "1.09",
        "ec2" | "organizations" | "ecs" | "ecr" | "elasticloadbalancing" => "1.10",
        _ => "1.11",
    }
}

/// The record of an Insight: that the rate of a call left its baseline, or came back.
#[derive(Clone, Debug)]
pub(crate) struct Insight {
    /// When, in seconds since 1970.
    pub(crate) time: i64,
    /// The account.
    pub(crate) member: Member,
    /// The region.
    pub(crate) region: Region,
    /// The id that start and end share.
    pub(crate) shared: String,
    /// `Start` or `End`.
    pub(crate) state: &'static str,
    /// The service, without `.amazonaws.com`.
    pub(crate) source: &'static str,
    /// The call.
    pub(crate) name: &'static str,
    /// The error code for an error rate; `None` for a call rate.
    pub(crate) error: Option<&'static str>,
    /// Calls per minute before and during, in thousandths.
    pub(crate) averages: (i64, i64),
    /// Who caused it.
    pub(crate) arn: String,
}

impl Insight {
    /// The text of the record.
    pub(crate) fn write(&self, random: &mut Random) -> String {
        let kind = if self.error.is_some() { "ApiErrorRateInsight" } else { "ApiCallRateInsight" };
        let mut details = object! {
            "state": self.state,
            "eventSource": format!("{}.amazonaws.com", self.source),
            "eventName": self.name,
            "insightType": kind,
        };
        if let Some(code) = self.error {
            details.push("errorCode", code);
        }
        let (baseline, insight) = self.averages;
        let mut statistics = object! {
            "baseline": object! {"average": Json::Milli(baseline)},
            "insight": object! {"average": Json::Milli(insight)},
        };
        if self.state == "End" {
            statistics.push("insightDuration", 12);
        }
        statistics.push("baselineDuration", 10_080);
        let attribution = object! {
            "attribute": "userIdentityArn",
            "insight": vec![object! {"value": &self.arn, "average": Json::Milli(insight)}],
            "baseline": Vec::new(),
        };
        details.push("insightContext", object! {"statistics": statistics, "attributions": vec![attribution]});
        let record = object! {
            "eventVersion": "1.09",
            "eventTime": rfc3339(self.time),
            "awsRegion": self.region.name(),
            "eventID": random.uuid(),
            "eventType": "AwsCloudTrailInsight",
            "recipientAccountId": self.member.id(),
            "sharedEventID": &self.shared,
            "insightDetails": details,
            "eventCategory": "Insight",
        };
        let mut text = String::with_capacity(1024);
        record.write(&mut text);
        text
    }
}

/// The principal of `session`, as the account that it calls across the border sees it.
pub(crate) fn seen_from_outside(session: &Session, called: Member) -> Session {
    let mut outside = session.clone();
    outside.who = Who::Stranger { id: session.principal_id(), account: session.member.id().to_owned() };
    outside.member = called;
    outside.key = String::new();
    outside.created = None;
    outside
}
