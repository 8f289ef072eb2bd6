//! Machines at work: deployments, fleets, applications, and AWS services on the organisation's behalf.

use crate::demo::calendar::Place;
use crate::demo::calls::{Maker, access, compute, network, oversight, storage};
use crate::demo::cast::{BOTO, CI, Cast, JAVA, SSM_AGENT, TERRAFORM};
use crate::demo::estate::{MEMBERS, Member, REGIONS, Region, Site, VENDOR, WORKLOADS};
use crate::demo::random::Random;
use crate::demo::record::{Call, Failure};
use crate::demo::session::{INTERNAL, Session, Who};
use crate::demo::stage::Stage;

/// What Terraform reads to compare.
const STATE: &[Maker] = &[
    network::describe_vpcs,
    network::describe_subnets,
    network::describe_security_groups,
    network::describe_security_group_rules,
    network::describe_route_tables,
    network::describe_network_acls,
    network::describe_nat_gateways,
    compute::describe_instances,
    compute::describe_volumes,
    compute::describe_tags,
    compute::describe_groups,
    compute::describe_load_balancers,
    compute::get_function,
    storage::read_bucket,
    storage::read_bucket,
    storage::read_bucket,
    storage::describe_databases,
    access::describe_key,
    access::get_role,
    access::list_attached_role_policies,
    oversight::describe_log_groups,
];

/// What the configuration recorder reads.
const RECORDED: &[Maker] = &[
    compute::describe_instances,
    compute::describe_volumes,
    compute::describe_snapshots,
    network::describe_vpcs,
    network::describe_subnets,
    network::describe_security_groups,
    network::describe_route_tables,
    network::describe_network_acls,
    network::describe_network_interfaces,
    storage::read_bucket,
    storage::describe_databases,
    compute::list_functions,
    access::describe_key,
    compute::describe_load_balancers,
];

/// What security's sweep reads.
const SWEPT: &[Maker] = &[
    oversight::describe_trails,
    oversight::get_trail_status,
    oversight::get_event_selectors,
    oversight::describe_recorder_status,
    oversight::describe_compliance,
    oversight::list_detectors,
    oversight::get_findings,
    storage::list_buckets,
    storage::read_bucket,
    compute::describe_snapshots,
    compute::describe_images,
    network::describe_security_groups,
    access::list_users,
    access::generate_credential_report,
    access::get_account_summary,
];

/// What the monitoring vendor reads.
const WATCHED: &[Maker] = &[
    oversight::list_metrics,
    oversight::describe_alarms,
    oversight::get_resources,
    compute::describe_instances,
    compute::describe_services,
    compute::describe_load_balancers,
    compute::describe_target_health,
    storage::describe_databases,
    compute::list_functions,
];

/// What an application on an instance does.
const APPLICATION: &[Maker] = &[
    access::decrypt,
    access::decrypt,
    access::generate_data_key,
    access::get_secret_value,
    access::get_parameter,
    get_invoice,
    get_invoice,
    put_invoice,
];

fn get_invoice(site: &Site, random: &mut Random) -> Call {
    let key = storage::invoice(random);
    storage::object(site, "GetObject", &key, random)
}

fn put_invoice(site: &Site, random: &mut Random) -> Call {
    // Uploads come from customers, who name their files as they like.
    let key = if random.chance(30) { "uploads/invoice_\u{202e}fdp.exe".to_owned() } else { storage::invoice(random) };
    storage::object(site, "PutObject", &key, random)
}

/// A workload account; production twice as often as development.
fn workload(stage: &mut Stage<'_>) -> Member {
    *stage.random.pick(&[Member::WebProd, Member::WebProd, Member::DataProd, Member::DataProd, Member::WebDev, Member::DataDev])
}

/// A workload, and Auto Scaling at work in it.
fn auto_scaling<'a>(stage: &mut Stage<'a>, cast: &Cast) -> (Member, Region, &'a Site, Session) {
    let member = workload(stage);
    let region = region(stage);
    let scaling = cast.service_role(member, "AWSServiceRoleForAutoScaling", "autoscaling.amazonaws.com", stage.now);
    (member, region, stage.site(member, region), scaling)
}

/// A region; the home region as often as the others together.
fn region(stage: &mut Stage<'_>) -> Region {
    *stage.random.pick(&[Region::Tokyo, Region::Tokyo, Region::Tokyo, Region::Oregon, Region::Ireland, Region::Virginia])
}

fn runner_address(stage: &mut Stage<'_>) -> String {
    format!("192.0.2.{}", stage.random.between(10, 240))
}

/// A session of the CI in `member`, which begins with the record of STS trusting the CI's token.
pub(crate) fn ci_session(stage: &mut Stage<'_>, cast: &Cast, member: Member, region: Region, role: &str) -> Session {
    let repository = if matches!(member, Member::WebDev | Member::WebProd) { "storefront" } else { "nimotsu" };
    let subject = format!("repo:kaigan-example/{repository}:environment:{}", member.env());
    let address = runner_address(stage);
    let name = format!("GitHubActions-{}", stage.random.between(18_000_000_000, 18_999_999_999));
    let mut session = cast.role(member, role, &name, stage.now, stage.random).from(&address, TERRAFORM);
    session.web = Some(CI);
    let mut token = Session::role(member, "", "").from(
        &address,
        "aws-sdk-nodejs/3.899.0 os/linux/6.11.0-1018-azure lang/js md/nodejs/20.19.5 api/sts/3.899.0 configure-aws-credentials-for-github-actions",
    );
    token.who = Who::Federated {
        kind: "WebIdentityUser",
        id: format!("arn:aws:iam::{}:oidc-provider/{CI}:sts.amazonaws.com:{subject}", member.id()),
        name: subject.clone(),
        provider: format!("arn:aws:iam::{}:oidc-provider/{CI}", member.id()),
    };
    let call = access::assume_role_with_web_identity(&session, &subject, stage.now, stage.random);
    stage.call_now(&token, region, &call);
    session
}

/// The record of `service` taking the role of `session` for what it is about to run.
fn begin(stage: &mut Stage<'_>, session: &Session, region: Region, service: &'static str) {
    let shared = stage.random.uuid();
    let call = access::assume_role(session, stage.now, stage.random).shared(&shared);
    stage.call_now(&Session::service(session.member, service), region, &call);
}

/// The CI builds, pushes and rolls out; CloudFormation works on its behalf.
pub(super) fn deployment(stage: &mut Stage<'_>, cast: &mut Cast, place: Place) {
    let member = *stage.random.pick(&[Member::WebDev, Member::WebDev, Member::DataDev, Member::WebProd, Member::DataProd]);
    let region = match place {
        Place::Tokyo => Region::Tokyo,
        Place::Seattle => Region::Oregon,
        Place::Dublin => Region::Ireland,
    };
    let session = ci_session(stage, cast, member, region, "github-actions-deploy");
    let build: [Maker; 6] = [
        access::get_caller_identity,
        compute::get_authorization_token,
        compute::put_image,
        compute::register_task_definition,
        compute::update_service,
        access::put_parameter,
    ];
    for step in &build {
        stage.sample(&session, region, std::slice::from_ref(step), 1);
    }
    for _ in 0..stage.random.between(6, 14) {
        stage.wait(2, 6);
        stage.sample(&session, region, &[compute::describe_services, compute::describe_target_health], 1);
    }
    if stage.random.chance(500) {
        stage.sample(&session, region, &[compute::create_change_set], 1);
        stage.sample(&session, region, &[compute::describe_stacks], 4);
        stage.sample(&session, region, &[compute::execute_change_set], 1);
        let on_behalf = session.through("cloudformation.amazonaws.com");
        stage.sample(&on_behalf, region, &[compute::get_function, access::get_role, network::describe_subnets], 8);
        let functions = stage.random.between(1, 3);
        stage.sample(&on_behalf, region, &[compute::update_function_code], functions);
        stage.sample(&session, region, &[compute::describe_stacks], 5);
    }
}

/// Terraform reads an account's state; now and then the API has enough of it.
pub(super) fn drift(stage: &mut Stage<'_>, cast: &mut Cast) {
    let member = *stage.random.pick(&MEMBERS);
    let region = region(stage);
    let session = ci_session(stage, cast, member, region, "terraform-plan");
    stage.sample(&session, region, &[access::get_caller_identity], 1);
    let count = stage.random.between(45, 90);
    stage.sample(&session, region, STATE, count);
    if stage.random.chance(120) {
        let bursts = stage.random.between(8, 25);
        throttled(stage, &session, region, STATE, bursts);
    }
}

fn throttled(stage: &mut Stage<'_>, session: &Session, region: Region, makers: &[Maker], count: i64) {
    for _ in 0..count {
        let make = *stage.random.pick(makers);
        let call = make(stage.site(session.member, region), stage.random);
        // S3 and IAM have other words for it, which are left out here.
        if call.source != "s3" {
            let failure = Failure::throttled(&call);
            stage.fail(session, region, &call, &failure);
        }
    }
}

/// Auto Scaling starts instances, which read what they need to begin.
pub(super) fn growth(stage: &mut Stage<'_>, cast: &mut Cast) {
    let (member, region, site, scaling) = auto_scaling(stage, cast);
    for _ in 0..stage.random.between(2, 4) {
        let instance = stage.random.resource_id("i");
        let call = compute::run_instances(site, stage.random, &instance);
        stage.call(&scaling, region, &call);
        let session = cast.start_instance(stage, member, region, &instance);
        stage.sample(&session, region, &[compute::describe_tags, compute::get_authorization_token], 2);
        stage.sample(&session, region, &[compute::batch_get_image], 2);
        stage.sample(&session, region, &[access::get_parameter, access::get_secret_value, access::decrypt], 6);
        let mut agent = session.clone();
        agent.agent = SSM_AGENT.to_owned();
        let call = access::update_instance_information(site, &instance, stage.random);
        stage.call(&agent, region, &call);
        stage.call(&scaling, region, &compute::move_target(site, &instance, true));
        stage.sample(&scaling, region, &[compute::describe_instance_status, compute::describe_target_health], 3);
    }
}

/// Auto Scaling stops instances.
pub(super) fn shrinkage(stage: &mut Stage<'_>, cast: &mut Cast) {
    let (_, region, site, scaling) = auto_scaling(stage, cast);
    for _ in 0..stage.random.between(2, 4) {
        let instance = stage.random.resource_id("i");
        stage.call(&scaling, region, &compute::move_target(site, &instance, false));
        stage.sample(&scaling, region, &[compute::describe_target_health, compute::describe_instance_status], 4);
        let call = compute::terminate_instances(&instance);
        stage.call(&scaling, region, &call);
    }
}

/// Applications on long-lived instances read secrets and invoices.
pub(super) fn applications(stage: &mut Stage<'_>, cast: &mut Cast) {
    let member = workload(stage);
    let region = region(stage);
    for index in 0..4 {
        let session = cast.instance(stage, member, region, index);
        let count = stage.random.between(6, 16);
        stage.sample(&session, region, APPLICATION, count);
        if stage.random.chance(300) {
            let site = stage.site(member, region);
            let mut agent = session.clone();
            agent.agent = SSM_AGENT.to_owned();
            let call = access::update_instance_information(site, &site.instances[index], stage.random);
            stage.call(&agent, region, &call);
        }
    }
}

/// AWS Config reads what it records.
pub(super) fn recorder(stage: &mut Stage<'_>, cast: &mut Cast) {
    let member = *stage.random.pick(&MEMBERS);
    let region = *stage.random.pick(&REGIONS);
    let session = cast.service_role(member, "AWSServiceRoleForConfig", "config.amazonaws.com", stage.now);
    let count = stage.random.between(25, 45);
    stage.sample(&session, region, RECORDED, count);
}

/// Security's hub role in the log archive takes the member role of an account and reads. Both accounts record it.
pub(super) fn sweep(stage: &mut Stage<'_>, cast: &mut Cast) {
    let member = *stage.random.pick(&MEMBERS);
    if member == Member::LogArchive {
        return;
    }
    let region = *stage.random.pick(&REGIONS);
    let task = stage.random.hex(32);
    let hub = cast.role(Member::LogArchive, "security-audit-hub", &task, stage.now, stage.random).from("10.11.2.40", BOTO);
    begin(stage, &hub, Region::Tokyo, "ecs-tasks.amazonaws.com");
    stage.wait(10, 60);
    let name = access::stamped("audit", stage.now);
    let session = cast.role(member, "security-audit-member", &name, stage.now, stage.random).from("10.11.2.40", BOTO);
    let call = access::assume_role(&session, stage.now, stage.random);
    stage.cross_over(&hub, member, region, &call);
    let count = stage.random.between(40, 70);
    stage.sample(&session, region, SWEPT, count);
}

/// AWS Backup takes a role, makes snapshots and removes old ones.
pub(super) fn backup(stage: &mut Stage<'_>, cast: &mut Cast) {
    let member = *stage.random.pick(&WORKLOADS);
    let region = region(stage);
    let session = cast
        .role(member, "AWSBackupDefaultServiceRole", "AWSBackup-AWSBackupDefaultServiceRole", stage.now, stage.random)
        .from("backup.amazonaws.com", "backup.amazonaws.com");
    begin(stage, &session, region, "backup.amazonaws.com");
    let session = session.through("backup.amazonaws.com");
    for _ in 0..stage.random.between(3, 7) {
        stage.sample(&session, region, &[compute::create_snapshot], 1);
        stage.sample(&session, region, &[compute::describe_snapshots], 2);
        stage.sample(&session, region, &[compute::delete_snapshot], 1);
    }
    stage.sample(&session, region, &[oversight::list_recovery_points, compute::describe_volumes], 5);
}

/// Functions are invoked and run with their role.
pub(super) fn functions(stage: &mut Stage<'_>, cast: &mut Cast) {
    let member = workload(stage);
    let region = region(stage);
    let schedule = Session::service(member, "events.amazonaws.com");
    let role = format!("{}-order-events", member.system());
    let session = cast
        .role(member, &role, &role, stage.now, stage.random)
        .from(&format!("{}.9.{}", member.network(), stage.random.between(4, 250)), JAVA);
    begin(stage, &session, region, "lambda.amazonaws.com");
    for _ in 0..stage.random.between(4, 9) {
        stage.sample(&schedule, region, &[compute::invoke], 1);
        stage.sample(&session, region, APPLICATION, 3);
    }
    stage.sample(&session, region, &[oversight::create_log_stream], 2);
}

/// The monitoring vendor takes its role from outside the organisation and reads; sometimes too fast.
pub(super) fn vendor(stage: &mut Stage<'_>, cast: &mut Cast) {
    let member = *stage.random.pick(&WORKLOADS);
    let region = region(stage);
    let name = format!("minatometrics-{}", stage.random.hex(8));
    let session = cast.role(member, "MinatoMetricsIntegration", &name, stage.now, stage.random).from("198.51.100.20", BOTO);
    let mut outside = Session::role(member, "", "").from("198.51.100.20", BOTO);
    outside.who = Who::Stranger {
        id: format!("{}:collector", cast.unique_id("AROA", Member::Management, "vendor")),
        account: VENDOR.to_owned(),
    };
    let shared = stage.random.uuid();
    let call = access::assume_role(&session, stage.now, stage.random).shared(&shared);
    stage.call_now(&outside, region, &call);
    let count = stage.random.between(25, 50);
    stage.sample(&session, region, WATCHED, count);
    if stage.random.chance(100) {
        throttled(stage, &session, region, WATCHED, 20);
    }
}

/// The old transfer user, whose key nobody dares to remove.
pub(super) fn transfer(stage: &mut Stage<'_>, cast: &mut Cast) {
    let user = cast
        .user(Member::WebProd, "legacy-sftp-sync")
        .from("203.0.113.200", "Boto3/1.9.253 Python/2.7.18 Linux/4.14.355-275.570.amzn1.x86_64 Botocore/1.12.253");
    stage.sample(&user, Region::Tokyo, &[storage::list_buckets], 1);
    let count = stage.random.between(10, 30);
    stage.sample(&user, Region::Tokyo, &[get_invoice, put_invoice], count);
}

/// Queries over the data lake; Athena works with the caller's credentials.
pub(super) fn analysis(stage: &mut Stage<'_>, cast: &mut Cast) {
    let member = *stage.random.pick(&[Member::DataDev, Member::DataProd]);
    let region = *stage.random.pick(&[Region::Tokyo, Region::Ireland]);
    let session = cast
        .role(member, "nimotsu-dashboard", "superset", stage.now, stage.random)
        .from(&format!("{}.4.17", member.network()), BOTO);
    begin(stage, &session, region, "ecs-tasks.amazonaws.com");
    stage.wait(5, 60);
    for _ in 0..stage.random.between(3, 6) {
        stage.sample(&session, region, &[storage::start_query], 1);
        let on_behalf = session.through("athena.amazonaws.com");
        stage.sample(&on_behalf, region, &[storage::get_table, storage::get_partitions], 4);
        stage.sample(&session, region, &[storage::get_query], 3);
    }
}

/// What services report by themselves: a key's yearly rotation.
pub(super) fn reports(stage: &mut Stage<'_>) {
    let member = *stage.random.pick(&WORKLOADS);
    let region = region(stage);
    let mut service = Session::service(member, "kms.amazonaws.com").from(INTERNAL, INTERNAL);
    service.who = Who::Service(INTERNAL);
    let call = access::rotate_key(stage.site(member, region));
    stage.call(&service, region, &call);
}
