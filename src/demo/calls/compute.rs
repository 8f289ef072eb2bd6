//! Instances, images, snapshots, scaling, containers and functions.

use crate::demo::estate::Site;
use crate::demo::json::{Json, items, object};
use crate::demo::random::Random;
use crate::demo::record::Call;

/// The one-field answer of EC2 calls that return nothing else.
pub(crate) fn done() -> Json {
    object! {"_return": true}
}

fn one(name: &'static str, id: &str) -> Json {
    items(vec![Json::Object(vec![(name, Json::from(id))])])
}

fn state_filter(name: &str, value: &str) -> Json {
    items(vec![object! {"name": name, "valueSet": items(vec![object! {"value": value}])}])
}

/// `ec2:DescribeInstances`, of one instance or of the running ones.
pub(crate) fn describe_instances(site: &Site, random: &mut Random) -> Call {
    let request = if random.chance(500) {
        object! {"instancesSet": one("instanceId", random.pick(&site.instances).as_str()), "filterSet": object! {}}
    } else {
        object! {"maxResults": 100, "instancesSet": object! {}, "filterSet": state_filter("instance-state-name", "running")}
    };
    Call::read("ec2", "DescribeInstances").request(request)
}

/// `ec2:DescribeInstanceStatus`.
pub(crate) fn describe_instance_status(site: &Site, random: &mut Random) -> Call {
    Call::read("ec2", "DescribeInstanceStatus").request(object! {
        "instancesSet": one("instanceId", random.pick(&site.instances).as_str()),
        "filterSet": object! {},
        "includeAllInstances": true,
    })
}

/// `ec2:DescribeVolumes`.
pub(crate) fn describe_volumes(site: &Site, random: &mut Random) -> Call {
    Call::read("ec2", "DescribeVolumes").request(object! {
        "volumeSet": one("volumeId", random.pick(&site.volumes).as_str()),
        "filterSet": object! {},
    })
}

/// `ec2:DescribeSnapshots` of one's own.
pub(crate) fn describe_snapshots(site: &Site, _random: &mut Random) -> Call {
    Call::read("ec2", "DescribeSnapshots").request(object! {
        "maxResults": 200,
        "snapshotSet": object! {},
        "ownersSet": items(vec![object! {"owner": site.member.id()}]),
        "sharedUsersSet": object! {},
        "filterSet": object! {},
    })
}

/// `ec2:DescribeImages` of one's own.
pub(crate) fn describe_images(site: &Site, _random: &mut Random) -> Call {
    Call::read("ec2", "DescribeImages").request(object! {
        "executableBySet": object! {},
        "imagesSet": one("imageId", &site.image),
        "ownersSet": object! {},
        "filterSet": object! {},
    })
}

/// `ec2:DescribeTags`.
pub(crate) fn describe_tags(site: &Site, random: &mut Random) -> Call {
    Call::read("ec2", "DescribeTags")
        .request(object! {"filterSet": state_filter("resource-id", random.pick(&site.instances).as_str())})
}

/// `ec2:RunInstances` from the site's image: one instance, named `instance`.
pub(crate) fn run_instances(site: &Site, random: &mut Random, instance: &str) -> Call {
    let role = format!("{}-instance-role", site.member.system());
    Call::write("ec2", "RunInstances")
        .request(object! {
            "instancesSet": items(vec![object! {"imageId": &site.image, "minCount": 1, "maxCount": 1}]),
            "instanceType": *random.pick(&["m7g.large", "c7g.large", "t4g.medium"]),
            "blockDeviceMapping": object! {},
            "monitoring": object! {"enabled": true},
            "disableApiTermination": false,
            "clientToken": random.uuid(),
            "iamInstanceProfile": object! {"name": &role},
            "networkInterfaceSet": items(vec![object! {
                "deviceIndex": 0,
                "subnetId": random.pick(&site.subnets),
                "groupSet": items(vec![object! {"groupId": &site.security_groups[1]}]),
            }]),
            "tagSpecificationSet": items(vec![object! {
                "resourceType": "instance",
                "tags": vec![
                    object! {"key": "Name", "value": site.service()},
                    object! {"key": "環境", "value": if site.member.env() == "prod" { "本番" } else { "開発" }},
                ],
            }]),
        })
        .response(object! {
            "reservationId": random.resource_id("r"),
            "ownerId": site.member.id(),
            "groupSet": object! {},
            "instancesSet": items(vec![object! {
                "instanceId": instance,
                "imageId": &site.image,
                "currentState": object! {"code": 0, "name": "pending"},
                "privateIpAddress": format!("{}.{}.{}", site.member.network(), random.below(8), random.between(10, 250)),
                "vpcId": &site.vpc,
            }]),
        })
}

/// `ec2:TerminateInstances`.
pub(crate) fn terminate_instances(instance: &str) -> Call {
    Call::write("ec2", "TerminateInstances").request(object! {"instancesSet": one("instanceId", instance)}).response(object! {
        "instancesSet": items(vec![object! {
            "instanceId": instance,
            "currentState": object! {"code": 32, "name": "shutting-down"},
            "previousState": object! {"code": 16, "name": "running"},
        }]),
    })
}

/// `ec2:CreateTags` of one tag.
pub(crate) fn create_tags(resource: &str, tag: &str, value: &str) -> Call {
    Call::write("ec2", "CreateTags")
        .request(object! {
            "resourcesSet": one("resourceId", resource),
            "tagSet": items(vec![object! {"key": tag, "value": value}]),
        })
        .response(done())
}

/// `ec2:CreateSnapshot` of a data volume.
pub(crate) fn create_snapshot(site: &Site, random: &mut Random) -> Call {
    let volume = random.pick(&site.volumes).clone();
    Call::write("ec2", "CreateSnapshot")
        .request(object! {
            "volumeId": &volume,
            "description": "This snapshot is created by the AWS Backup service.",
            "tagSpecificationSet": object! {},
        })
        .response(object! {
            "snapshotId": random.resource_id("snap"),
            "volumeId": &volume,
            "status": "pending",
            "ownerId": site.member.id(),
            "volumeSize": "200",
            "encrypted": true,
        })
}

/// `ec2:DeleteSnapshot` of one past its time.
pub(crate) fn delete_snapshot(_site: &Site, random: &mut Random) -> Call {
    Call::write("ec2", "DeleteSnapshot")
        .request(object! {"snapshotId": random.resource_id("snap"), "force": false})
        .response(done())
}

/// `autoscaling:DescribeAutoScalingGroups`.
pub(crate) fn describe_groups(site: &Site, _random: &mut Random) -> Call {
    Call::read("autoscaling", "DescribeAutoScalingGroups")
        .request(object! {"autoScalingGroupNames": vec![Json::from(site.service())]})
}

/// `autoscaling:SetDesiredCapacity`.
pub(crate) fn set_desired_capacity(site: &Site, random: &mut Random) -> Call {
    Call::write("autoscaling", "SetDesiredCapacity").request(object! {
        "autoScalingGroupName": site.service(),
        "desiredCapacity": random.between(3, 9),
        "honorCooldown": true,
    })
}

fn target_group(site: &Site) -> String {
    site.arn("elasticloadbalancing", &format!("targetgroup/{}/{}", site.service(), site.suffix))
}

/// `elasticloadbalancing:RegisterTargets` or `DeregisterTargets`.
pub(crate) fn move_target(site: &Site, instance: &str, join: bool) -> Call {
    let name = if join { "RegisterTargets" } else { "DeregisterTargets" };
    Call::write("elasticloadbalancing", name).request(object! {
        "targetGroupArn": target_group(site),
        "targets": vec![object! {"id": instance}],
    })
}

/// `elasticloadbalancing:DescribeTargetHealth`.
pub(crate) fn describe_target_health(site: &Site, _random: &mut Random) -> Call {
    Call::read("elasticloadbalancing", "DescribeTargetHealth").request(object! {"targetGroupArn": target_group(site)})
}

/// `elasticloadbalancing:DescribeLoadBalancers`.
pub(crate) fn describe_load_balancers(_site: &Site, _random: &mut Random) -> Call {
    Call::read("elasticloadbalancing", "DescribeLoadBalancers").request(object! {"pageSize": 400})
}

/// `ecs:DescribeServices`.
pub(crate) fn describe_services(site: &Site, _random: &mut Random) -> Call {
    Call::read("ecs", "DescribeServices")
        .request(object! {"cluster": site.member.system(), "services": vec![Json::from(site.service())]})
}

/// `ecs:RegisterTaskDefinition`.
pub(crate) fn register_task_definition(site: &Site, random: &mut Random) -> Call {
    let family = site.service();
    let image = format!("{}.dkr.ecr.{}.amazonaws.com/{family}:{}", site.member.id(), site.region.name(), random.hex(7));
    let revision = random.between(100, 400);
    Call::write("ecs", "RegisterTaskDefinition")
        .request(object! {
            "family": &family,
            "networkMode": "awsvpc",
            "cpu": "1024",
            "memory": "2048",
            "taskRoleArn": format!("arn:aws:iam::{}:role/{family}-task", site.member.id()),
            "containerDefinitions": vec![object! {"name": "app", "image": image, "essential": true}],
        })
        .response(object! {"taskDefinition": object! {
            "taskDefinitionArn": site.arn("ecs", &format!("task-definition/{family}:{revision}")),
            "family": &family,
            "revision": revision,
            "status": "ACTIVE",
        }})
}

/// `ecs:UpdateService`.
pub(crate) fn update_service(site: &Site, random: &mut Random) -> Call {
    let service = site.service();
    let definition = format!("{service}:{}", random.between(100, 400));
    Call::write("ecs", "UpdateService")
        .request(object! {"cluster": site.member.system(), "service": &service, "taskDefinition": &definition})
        .response(object! {"service": object! {
            "serviceName": &service,
            "status": "ACTIVE",
            "desiredCount": 4,
            "taskDefinition": definition,
        }})
}

/// `ecr:GetAuthorizationToken`.
pub(crate) fn get_authorization_token(_site: &Site, _random: &mut Random) -> Call {
    Call::read("ecr", "GetAuthorizationToken")
}

/// `ecr:BatchGetImage`.
pub(crate) fn batch_get_image(site: &Site, random: &mut Random) -> Call {
    let repository = site.service();
    Call::read("ecr", "BatchGetImage")
        .request(object! {
            "repositoryName": &repository,
            "registryId": site.member.id(),
            "imageIds": vec![object! {"imageTag": random.hex(7)}],
        })
        .on(site.member.id(), "AWS::ECR::Repository", site.arn("ecr", &format!("repository/{repository}")))
}

/// `ecr:PutImage`.
pub(crate) fn put_image(site: &Site, random: &mut Random) -> Call {
    let repository = site.service();
    let tag = random.hex(7);
    Call::write("ecr", "PutImage")
        .request(object! {"repositoryName": &repository, "registryId": site.member.id(), "imageTag": &tag})
        .response(object! {"image": object! {
            "repositoryName": &repository,
            "registryId": site.member.id(),
            "imageId": object! {"imageTag": &tag, "imageDigest": format!("sha256:{}", random.hex(64))},
        }})
        .on(site.member.id(), "AWS::ECR::Repository", site.arn("ecr", &format!("repository/{repository}")))
}

fn function(site: &Site, name: &str) -> String {
    site.arn("lambda", &format!("function:{}-{name}", site.member.system()))
}

/// The functions that every workload runs.
const FUNCTIONS: [&str; 4] = ["order-events", "thumbnail", "通知-relay", "invoice-pdf"];

/// `lambda:ListFunctions`, with the date that Lambda's event names carry.
pub(crate) fn list_functions(_site: &Site, _random: &mut Random) -> Call {
    Call::read("lambda", "ListFunctions20150331").request(object! {"maxItems": 50})
}

/// `lambda:GetFunction`.
pub(crate) fn get_function(site: &Site, random: &mut Random) -> Call {
    Call::read("lambda", "GetFunction20150331v2")
        .request(object! {"functionName": function(site, random.pick::<&str>(&FUNCTIONS))})
}

/// `lambda:UpdateFunctionCode`.
pub(crate) fn update_function_code(site: &Site, random: &mut Random) -> Call {
    let arn = function(site, random.pick::<&str>(&FUNCTIONS));
    Call::write("lambda", "UpdateFunctionCode20150331v2")
        .request(object! {
            "functionName": &arn,
            "s3Bucket": site.bucket("artifacts"),
            "s3Key": format!("lambda/{}.zip", random.hex(40)),
            "publish": true,
            "dryRun": false,
        })
        .response(object! {
            "functionArn": &arn,
            "runtime": "nodejs24.x",
            "handler": "index.handler",
            "codeSize": random.between(40_000, 900_000),
            "timeout": 30,
            "memorySize": 512,
            "revisionId": random.uuid(),
            "architectures": vec![Json::from("arm64")],
        })
}

/// `lambda:Invoke`, a data event.
pub(crate) fn invoke(site: &Site, random: &mut Random) -> Call {
    let arn = function(site, random.pick::<&str>(&FUNCTIONS));
    Call::write("lambda", "Invoke")
        .data()
        .request(
            object! {"functionName": &arn, "invocationType": "Event", "sourceArn": site.arn("events", "rule/every-five-minutes")},
        )
        .additional(object! {"functionVersion": format!("{arn}:$LATEST")})
        .on(site.member.id(), "AWS::Lambda::Function", arn)
}

/// `cloudformation:DescribeStacks`.
pub(crate) fn describe_stacks(site: &Site, _random: &mut Random) -> Call {
    Call::read("cloudformation", "DescribeStacks").request(object! {"stackName": site.service()})
}

/// `cloudformation:CreateChangeSet`.
pub(crate) fn create_change_set(site: &Site, random: &mut Random) -> Call {
    let name = format!("release-{}", random.hex(7));
    let stack = site.arn("cloudformation", &format!("stack/{}/{}", site.service(), random.uuid()));
    Call::write("cloudformation", "CreateChangeSet")
        .request(object! {
            "stackName": site.service(),
            "changeSetName": &name,
            "capabilities": vec![Json::from("CAPABILITY_IAM")],
            "description": "画面の文言を修正",
        })
        .response(object! {
            "id": site.arn("cloudformation", &format!("changeSet/{name}/{}", random.uuid())),
            "stackId": stack,
        })
}

/// `cloudformation:ExecuteChangeSet`.
pub(crate) fn execute_change_set(site: &Site, random: &mut Random) -> Call {
    Call::write("cloudformation", "ExecuteChangeSet")
        .request(object! {"stackName": site.service(), "changeSetName": format!("release-{}", random.hex(7))})
}
