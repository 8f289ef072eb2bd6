//! Things opened to the world by people who meant well or did not know: a port, a bucket, an image, a network.

use super::Script;
use crate::demo::calendar::october;
use crate::demo::calls::{access, compute, network, oversight, storage};
use crate::demo::cast::{BOTO, find};
use crate::demo::estate::{Member, Region};
use crate::demo::json::Json;
use crate::demo::session::Session;
use crate::demo::traffic::ci_session;

/// Working from a café, somebody opens SSH to the world; it is closed the next day.
pub(super) fn open_shell(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::DataDev, Region::Oregon);
    script.stage.now = october(13, 23, 8) + script.stage.random.between(0, 900);
    let mut session = script.cast.sign_in(&mut script.stage, find("olivia.nguyen"), member);
    session.address = "192.0.2.171".to_owned();
    let site = script.stage.site(member, region);
    script.stage.sample(&session, region, &[compute::describe_instances, network::describe_security_groups], 5);
    let rule = network::Rule {
        group: &site.security_groups[1],
        port: 22,
        from: "0.0.0.0/0",
        why: "temporary, for debugging from outside <b>remove</b>",
    };
    let call = rule.authorize(site, script.stage.random);
    let title = "SSH is opened to the whole internet, and closed the next day";
    script.strike(&session, region, &call, (title, "security-group-opened-to-world"));
    script.stage.sample(&session, region, &[compute::describe_instances, compute::describe_instance_status], 3);
    script.stage.now = october(14, 17, 22);
    let session = script.cast.sign_in(&mut script.stage, find("noah.patel"), member);
    script.stage.sample(&session, region, &[network::describe_security_groups], 2);
    script.stage.call(&session, region, &rule.revoke());
}

/// On a Friday evening a campaign's pictures have to be reachable, and so everything is.
pub(super) fn public_bucket(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::WebProd, Region::Tokyo);
    script.stage.now = october(16, 9, 41) + script.stage.random.between(0, 600);
    let session = script.cast.sign_in(&mut script.stage, find("sato.haruka"), member);
    let site = script.stage.site(member, region);
    let bucket = site.bucket("uploads");
    script.stage.sample(&session, region, &[storage::list_buckets, storage::read_bucket], 6);
    let call = storage::delete_public_access_block(site, &bucket, script.stage.random);
    let title = "The guard against public access is taken off a production bucket";
    script.strike(&session, region, &call, (title, "bucket-made-public"));
    script.stage.wait(20, 90);
    let call = storage::put_bucket_policy(site, &bucket, Json::from("*"), script.stage.random);
    let title = "A production bucket's policy lets everybody read";
    script.strike(&session, region, &call, (title, "bucket-made-public"));
    script.stage.sample(&session, region, &[storage::read_bucket], 3);
    script.stage.now = october(19, 0, 25);
    let session = script.cast.sign_in(&mut script.stage, find("yamamoto.daiki"), member);
    let call = storage::delete_bucket_policy(site, &bucket, script.stage.random);
    script.stage.call(&session, region, &call);
    let call = storage::put_public_access_block(site, &bucket, true, script.stage.random);
    script.stage.call(&session, region, &call);
}

/// An image that a partner should start is given to everybody for three hours.
pub(super) fn public_image(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::WebDev, Region::Oregon);
    script.stage.now = october(21, 18, 3) + script.stage.random.between(0, 900);
    let session = script.cast.sign_in(&mut script.stage, find("liam.garcia"), member);
    let site = script.stage.site(member, region);
    script.stage.sample(&session, region, &[compute::describe_images, compute::describe_snapshots], 4);
    let title = "A machine image is made public for three hours";
    script.strike(&session, region, &storage::publish_image(site, true), (title, "snapshot-or-image-shared"));
    script.stage.sample(&session, region, &[compute::describe_images], 2);
    script.stage.wait(3 * 3600, 3 * 3600 + 600);
    script.stage.call(&session, region, &storage::publish_image(site, false));
}

/// The development account's CI takes a role in production and gives its private network a way out.
pub(super) fn way_out_of_production(script: &mut Script<'_, '_>) {
    let (prod, region) = (Member::WebProd, Region::Ireland);
    let site = script.stage.site(prod, region);
    let session = cross_into_production(script, prod, region);
    script.stage.sample(
        &session,
        region,
        &[network::describe_vpcs, network::describe_route_tables, network::describe_subnets],
        6,
    );
    let gateway = script.stage.random.resource_id("igw");
    let call = network::create_internet_gateway(&gateway);
    script.stage.call(&session, region, &call);
    let call = network::move_internet_gateway("AttachInternetGateway", &gateway, &site.vpc);
    let title = "A principal of development attaches an internet gateway in production";
    script.strike(&session, region, &call, (title, "network-gateway-changed"));
    let call = network::change_route(site, "CreateRoute", "0.0.0.0/0", &gateway);
    let title = "A principal of development routes production's private network to the internet";
    script.strike(&session, region, &call, (title, "route-table-changed"));

    script.stage.now = october(28, 2, 30);
    let session = script.cast.sign_in(&mut script.stage, find("yamamoto.daiki"), prod);
    script.stage.sample(&session, region, &[network::describe_route_tables, oversight::lookup_events], 5);
    let call = network::change_route(site, "DeleteRoute", "0.0.0.0/0", &gateway);
    script.stage.call(&session, region, &call);
    let call = network::move_internet_gateway("DetachInternetGateway", &gateway, &site.vpc);
    script.stage.call(&session, region, &call);
}

/// The CI's session in development, which began in an earlier object, takes a role in production.
fn cross_into_production(script: &mut Script<'_, '_>, prod: Member, region: Region) -> Session {
    script.stage.now = october(27, 21, 47) + script.stage.random.between(0, 900);
    let ci = ci_session(&mut script.stage, script.cast, Member::WebDev, region, "github-actions-deploy");
    script.stage.sample(&ci, region, &[access::get_caller_identity], 1);
    script.stage.wait(900, 1100);
    let name = access::stamped("deploy", script.stage.now);
    let session =
        script.cast.role(prod, "network-breakglass", &name, script.stage.now, script.stage.random).from(&ci.address, BOTO);
    let call = access::assume_role(&session, script.stage.now, script.stage.random);
    script.stage.cross_over(&ci, prod, region, &call);
    session
}
