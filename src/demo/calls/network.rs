//! Virtual networks: security groups, routes, gateways, access lists.

use crate::demo::calls::compute::done;
use crate::demo::estate::Site;
use crate::demo::json::{Json, items, object};
use crate::demo::random::Random;
use crate::demo::record::Call;

fn filter(name: &str, value: &str) -> Json {
    items(vec![object! {"name": name, "valueSet": items(vec![object! {"value": value}])}])
}

/// `ec2:DescribeVpcs`.
pub(crate) fn describe_vpcs(site: &Site, _random: &mut Random) -> Call {
    Call::read("ec2", "DescribeVpcs")
        .request(object! {"vpcSet": items(vec![object! {"vpcId": &site.vpc}]), "filterSet": object! {}})
}

/// `ec2:DescribeSubnets`.
pub(crate) fn describe_subnets(site: &Site, _random: &mut Random) -> Call {
    Call::read("ec2", "DescribeSubnets").request(object! {"subnetSet": object! {}, "filterSet": filter("vpc-id", &site.vpc)})
}

/// `ec2:DescribeSecurityGroups`.
pub(crate) fn describe_security_groups(site: &Site, random: &mut Random) -> Call {
    Call::read("ec2", "DescribeSecurityGroups").request(object! {
        "securityGroupSet": object! {},
        "securityGroupIdSet": items(vec![object! {"groupId": random.pick(&site.security_groups)}]),
        "filterSet": object! {},
    })
}

/// `ec2:DescribeSecurityGroupRules`.
pub(crate) fn describe_security_group_rules(site: &Site, random: &mut Random) -> Call {
    Call::read("ec2", "DescribeSecurityGroupRules").request(object! {
        "DescribeSecurityGroupRulesRequest": object! {
            "Filter": object! {"tag": 1, "Name": "group-id", "Value": object! {"tag": 1, "content": random.pick(&site.security_groups)}},
        },
    })
}

/// `ec2:DescribeRouteTables`.
pub(crate) fn describe_route_tables(site: &Site, _random: &mut Random) -> Call {
    Call::read("ec2", "DescribeRouteTables").request(object! {
        "routeTableIdSet": items(vec![object! {"routeTableId": &site.route_table}]),
        "filterSet": object! {},
    })
}

/// `ec2:DescribeNetworkInterfaces`.
pub(crate) fn describe_network_interfaces(site: &Site, _random: &mut Random) -> Call {
    Call::read("ec2", "DescribeNetworkInterfaces")
        .request(object! {"networkInterfaceIdSet": object! {}, "filterSet": filter("vpc-id", &site.vpc)})
}

/// `ec2:DescribeNetworkAcls`.
pub(crate) fn describe_network_acls(site: &Site, _random: &mut Random) -> Call {
    Call::read("ec2", "DescribeNetworkAcls").request(object! {
        "networkAclIdSet": items(vec![object! {"networkAclId": &site.network_acl}]),
        "filterSet": object! {},
    })
}

/// `ec2:DescribeNatGateways`.
pub(crate) fn describe_nat_gateways(site: &Site, _random: &mut Random) -> Call {
    Call::read("ec2", "DescribeNatGateways").request(object! {
        "DescribeNatGatewaysRequest": object! {
            "Filter": object! {"tag": 1, "Name": "vpc-id", "Value": object! {"tag": 1, "content": &site.vpc}},
        },
    })
}

/// A rule of a security group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<'a> {
    /// The group's id.
    pub(crate) group: &'a str,
    /// The port.
    pub(crate) port: i64,
    /// From where, in CIDR notation.
    pub(crate) from: &'a str,
    /// What people wrote about it.
    pub(crate) why: &'a str,
}

impl Rule<'_> {
    fn permissions(self) -> Json {
        items(vec![object! {
            "ipProtocol": "tcp",
            "fromPort": self.port,
            "toPort": self.port,
            "groups": object! {},
            "ipRanges": items(vec![object! {"cidrIp": self.from, "description": self.why}]),
            "ipv6Ranges": object! {},
            "prefixListIds": object! {},
        }])
    }

    /// `ec2:AuthorizeSecurityGroupIngress`.
    pub(crate) fn authorize(self, site: &Site, random: &mut Random) -> Call {
        Call::write("ec2", "AuthorizeSecurityGroupIngress")
            .request(object! {"groupId": self.group, "ipPermissions": self.permissions()})
            .response(object! {
                "_return": true,
                "securityGroupRuleSet": items(vec![object! {
                    "groupOwnerId": site.member.id(),
                    "groupId": self.group,
                    "securityGroupRuleId": random.resource_id("sgr"),
                    "description": self.why,
                    "isEgress": false,
                    "ipProtocol": "tcp",
                    "fromPort": self.port,
                    "toPort": self.port,
                    "cidrIpv4": self.from,
                }]),
            })
    }

    /// `ec2:RevokeSecurityGroupIngress`.
    pub(crate) fn revoke(self) -> Call {
        Call::write("ec2", "RevokeSecurityGroupIngress")
            .request(object! {"groupId": self.group, "ipPermissions": self.permissions()})
            .response(object! {"_return": true, "unknownIpPermissionSet": object! {}})
    }
}

/// `ec2:CreateRoute`, `ReplaceRoute` or `DeleteRoute` of `cidr` towards `gateway`, an internet or transit gateway.
pub(crate) fn change_route(site: &Site, name: &'static str, cidr: &str, gateway: &str) -> Call {
    let mut request = object! {"routeTableId": &site.route_table, "destinationCidrBlock": cidr};
    if name != "DeleteRoute" {
        let target = if gateway.starts_with("tgw") { "transitGatewayId" } else { "gatewayId" };
        request.push(target, gateway);
    }
    Call::write("ec2", name).request(request).response(done())
}

/// `ec2:CreateNetworkAclEntry`: a rule number, a source, and whether it lets in.
pub(crate) fn create_network_acl_entry(site: &Site, number: i64, cidr: &str, action: &str) -> Call {
    Call::write("ec2", "CreateNetworkAclEntry")
        .request(object! {
            "networkAclId": &site.network_acl,
            "ruleNumber": number,
            "egress": false,
            "ruleAction": action,
            "icmpTypeCode": object! {},
            "portRange": object! {"from": 443, "to": 443},
            "aclProtocol": "6",
            "cidrBlock": cidr,
        })
        .response(done())
}

/// `ec2:DeleteNetworkAclEntry`.
pub(crate) fn delete_network_acl_entry(site: &Site, number: i64) -> Call {
    Call::write("ec2", "DeleteNetworkAclEntry")
        .request(object! {"networkAclId": &site.network_acl, "ruleNumber": number, "egress": false})
        .response(done())
}

/// `ec2:CreateVpc`.
pub(crate) fn create_vpc(vpc: &str, cidr: &str) -> Call {
    Call::write("ec2", "CreateVpc")
        .request(object! {"cidrBlock": cidr, "instanceTenancy": "default", "amazonProvidedIpv6CidrBlock": false})
        .response(object! {
            "vpc": object! {"vpcId": vpc, "state": "pending", "cidrBlock": cidr, "isDefault": false},
        })
}

/// `ec2:DeleteVpc`.
pub(crate) fn delete_vpc(vpc: &str) -> Call {
    Call::write("ec2", "DeleteVpc").request(object! {"vpcId": vpc}).response(done())
}

/// `ec2:CreateInternetGateway`.
pub(crate) fn create_internet_gateway(gateway: &str) -> Call {
    Call::write("ec2", "CreateInternetGateway").request(object! {}).response(object! {
        "internetGateway": object! {"internetGatewayId": gateway, "attachmentSet": object! {}, "tagSet": object! {}},
    })
}

/// `ec2:AttachInternetGateway` or `DetachInternetGateway`.
pub(crate) fn move_internet_gateway(name: &'static str, gateway: &str, vpc: &str) -> Call {
    Call::write("ec2", name).request(object! {"internetGatewayId": gateway, "vpcId": vpc}).response(done())
}
