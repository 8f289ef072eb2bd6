"""StackSets as AWS deploys them: to every account below the units, however deep, and never to the management account. Moto stops
after two levels of units and takes the management account for a member."""

from moto.cloudformation.models import StackInstances

MOTO = StackInstances.create_instances


def create_instances(self, accounts, regions, parameters, deployment_targets, permission_model):
    units = list((deployment_targets or {}).get("OrganizationalUnitIds", []))
    for unit in units:
        units += [below.id for below in self.org_backend.ou if below.parent_id == unit]
    members = [account.id for account in self.org_backend.accounts if account.parent_id in units and account.id != self.account_id]
    return MOTO(self, accounts + members, regions, parameters, {}, permission_model)


StackInstances.create_instances = create_instances
