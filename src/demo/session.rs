//! Who acts: a principal with credentials, an address and a program, and how CloudTrail writes it as `userIdentity`.

use crate::demo::calendar::rfc3339;
use crate::demo::estate::Member;
use crate::demo::json::{Json, object};

/// The name that AWS gives itself where no service is named.
pub(crate) const INTERNAL: &str = "AWS Internal";

/// What kind of principal a session belongs to.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// A role session.
    Role {
        /// The role's name.
        role: String,
        /// Its path, `/` for most.
        path: String,
        /// The role's unique id, `AROA…`.
        id: String,
        /// The session's name.
        session: String,
    },
    /// An IAM user.
    User {
        /// The user's name.
        name: String,
        /// The user's unique id, `AIDA…`.
        id: String,
    },
    /// The account's root user.
    Root,
    /// An AWS service that acts for itself, such as `ec2.amazonaws.com`.
    Service(&'static str),
    /// A principal of another account, as the called account sees it.
    Stranger {
        /// The caller's principal id.
        id: String,
        /// The caller's account.
        account: String,
    },
    /// A person of Identity Center, before any role is taken.
    Person {
        /// The person's id in the identity store.
        id: String,
    },
    /// Somebody whom an identity provider vouches for.
    Federated {
        /// `SAMLUser` or `WebIdentityUser`.
        kind: &'static str,
        /// The principal id: provider, audience and subject.
        id: String,
        /// The subject: an e-mail address, or a repository and branch.
        name: String,
        /// The provider: an ARN or a host.
        provider: String,
    },
}

/// A principal with credentials, as it appears in every record it causes.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The account whose API is called.
    pub(crate) member: Member,
    /// The principal.
    pub(crate) who: Who,
    /// The access key id; empty if there is none.
    pub(crate) key: String,
    /// When the temporary credentials were made, in seconds since 1970; `None` for long-lived keys.
    pub(crate) created: Option<i64>,
    /// Whether the credentials carry a second factor.
    pub(crate) mfa: bool,
    /// Whether the credentials come from a console session.
    pub(crate) console: bool,
    /// The address the calls come from; a service's name if a service calls.
    pub(crate) address: String,
    /// The program that calls.
    pub(crate) agent: String,
    /// The AWS service that calls on the principal's behalf.
    pub(crate) by: Option<&'static str>,
    /// Whether an instance delivered the credentials (IMDSv2).
    pub(crate) instance: bool,
    /// The OIDC provider that vouched for the role session.
    pub(crate) web: Option<&'static str>,
}

impl Session {
    /// A role session without anything special about it.
    pub(crate) fn role(member: Member, role: &str, session: &str) -> Self {
        Session {
            member,
            who: Who::Role { role: role.to_owned(), path: "/".to_owned(), id: String::new(), session: session.to_owned() },
            key: String::new(),
            created: None,
            mfa: false,
            console: false,
            address: String::new(),
            agent: String::new(),
            by: None,
            instance: false,
            web: None,
        }
    }

    /// A session of an AWS service that acts for itself in `member`.
    pub(crate) fn service(member: Member, name: &'static str) -> Self {
        let mut session = Session::role(member, "", "");
        session.who = Who::Service(name);
        session.by = Some(name);
        session.from(name, name)
    }

    /// The same session, calling from `address` with `agent`.
    pub(crate) fn from(mut self, address: &str, agent: &str) -> Self {
        self.address = address.to_owned();
        self.agent = agent.to_owned();
        self
    }

    /// The same session, with `service` calling on its behalf.
    pub(crate) fn through(&self, service: &'static str) -> Self {
        let mut session = self.clone().from(service, service);
        session.by = Some(service);
        session
    }

    /// The principal's ARN; empty where CloudTrail gives none.
    pub(crate) fn arn(&self) -> String {
        let account = self.member.id();
        match &self.who {
            Who::Role { role, session, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
            Who::User { name, .. } => format!("arn:aws:iam::{account}:user/{name}"),
            Who::Root => format!("arn:aws:iam::{account}:root"),
            _ => String::new(),
        }
    }

    /// The ARN of the session's role; empty for other principals.
    pub(crate) fn role_arn(&self) -> String {
        match &self.who {
            Who::Role { role, path, .. } => {
                format!("arn:aws:iam::{}:role{path}{role}", self.member.id())
            }
            _ => String::new(),
        }
    }

    /// The principal's unique id, with the session's name for a role.
    pub(crate) fn principal_id(&self) -> String {
        match &self.who {
            Who::Role { id, session, .. } => format!("{id}:{session}"),
            Who::User { id, .. } | Who::Stranger { id, .. } | Who::Person { id } | Who::Federated { id, .. } => id.clone(),
            Who::Root => self.member.id().to_owned(),
            Who::Service(_) => String::new(),
        }
    }

    /// Whether a program of ours calls over the network, so that the record knows the TLS version.
    pub(crate) fn over_tls(&self) -> bool {
        self.by.is_none()
    }

    /// The record's `userIdentity`.
    pub(crate) fn identity(&self) -> Json {
        match &self.who {
            Who::Service(INTERNAL) => {
                object! {"accountId": self.member.id(), "invokedBy": INTERNAL}
            }
            Who::Service(name) => object! {"type": "AWSService", "invokedBy": *name},
            Who::Stranger { id, account } => {
                object! {"type": "AWSAccount", "principalId": id, "accountId": account}
            }
            Who::Person { id } => object! {
                "type": "IdentityCenterUser",
                "accountId": self.member.id(),
                "onBehalfOf": object! {
                    "userId": id,
                    "identityStoreArn": format!("arn:aws:identitystore::{}:identitystore/d-95677a1c2e", self.member.id()),
                },
            },
            Who::Federated { kind, id, name, provider } => object! {
                "type": *kind,
                "principalId": id,
                "userName": name,
                "identityProvider": provider,
            },
            Who::Role { .. } | Who::User { .. } | Who::Root => self.principal(),
        }
    }

    /// The `userIdentity` of somebody who did not prove who they are: what they typed, and no ARN.
    pub(crate) fn claimed_identity(&self) -> Json {
        let mut identity = object! {
            "type": if matches!(self.who, Who::Root) { "Root" } else { "IAMUser" },
            "accountId": self.member.id(),
            "accessKeyId": "",
        };
        if let Who::User { name, .. } = &self.who {
            identity.push("userName", name);
        }
        identity
    }

    fn principal(&self) -> Json {
        let (kind, name) = match &self.who {
            Who::User { name, .. } => ("IAMUser", Some(name)),
            Who::Root => ("Root", None),
            _ => ("AssumedRole", None),
        };
        let mut identity = object! {
            "type": kind,
            "principalId": self.principal_id(),
            "arn": self.arn(),
            "accountId": self.member.id(),
        };
        if !self.key.is_empty() {
            identity.push("accessKeyId", &self.key);
        }
        if let Some(name) = name {
            identity.push("userName", name);
        }
        if let Some(created) = self.created {
            identity.push("sessionContext", self.context(created));
        }
        if let Some(service) = self.by {
            identity.push("invokedBy", service);
        }
        identity
    }

    fn context(&self, created: i64) -> Json {
        let mut context = object! {};
        if let Who::Role { role, id, .. } = &self.who {
            context.push(
                "sessionIssuer",
                object! {
                    "type": "Role",
                    "principalId": id,
                    "arn": self.role_arn(),
                    "accountId": self.member.id(),
                    "userName": role,
                },
            );
        }
        if let Some(provider) = self.web {
            context.push(
                "webIdFederationData",
                object! {
                    "federatedProvider": format!("arn:aws:iam::{}:oidc-provider/{provider}", self.member.id()),
                    "attributes": object! {},
                },
            );
        }
        context.push(
            "attributes",
            object! {
                "creationDate": rfc3339(created),
                "mfaAuthenticated": if self.mfa { "true" } else { "false" },
            },
        );
        if self.instance {
            context.push("ec2RoleDelivery", "2.0");
        }
        context
    }
}
