"""An AWS organisation with chosen ids: moto draws them at random, and tests want the same ones every time.

    {"management": "100000000001", "id": "o-assize0001",
     "units": ["Workloads", "Workloads/Prod"],
     "delegated": ["100000000002"],
     "accounts": [{"id", "name", "email"?, "unit"?: "Workloads/Prod", "tags"?: {}, "status"?: "SUSPENDED"}]}

The answer gives the ids of root and units. An account that is there already keeps its place.
"""

import hashlib

from moto.organizations import utils
from moto.organizations.models import organizations_backends

from state import STATE


def drawn(text, size):
    """Letters and digits that depend on the text alone."""
    return hashlib.sha256(text.encode()).hexdigest()[:size]


class Chosen:
    """While it is open, moto's random ids are these."""

    NAMES = ("make_random_org_id", "make_random_root_id", "make_random_ou_id", "make_random_account_id")

    def __init__(self, **values):
        self.values = values

    def __enter__(self):
        self.before = {name: getattr(utils, name) for name in self.NAMES}
        for name in self.NAMES:
            value = self.values.get(name.removeprefix("make_random_").removesuffix("_id"))
            if value is not None:
                setattr(utils, name, lambda *_, value=value: value)

    def __exit__(self, *_):
        for name, function in self.before.items():
            setattr(utils, name, function)


def create(given):
    management = given["management"]
    backend = organizations_backends[management]["aws"]
    identity = given.get("id", f"o-{drawn(management, 10)}")
    root = f"r-{drawn(identity, 4)}"
    if backend.org is None:
        with Chosen(org=identity, root=root):
            backend.create_organization("us-east-1", FeatureSet="ALL")
    units = {"": backend.org.root_id}
    for path in given.get("units", []):
        parent, _, name = path.rpartition("/")
        with Chosen(ou=f"ou-{root[2:]}-{drawn(path, 8)}"):
            units[path] = backend.create_organizational_unit(ParentId=units[parent], Name=name)["OrganizationalUnit"]["Id"]
    for account in given.get("accounts", []):
        place(backend, account, units)
    STATE.delegated.update(given.get("delegated", []))
    return {"id": backend.org.id, "root": backend.org.root_id, "units": units}


def place(backend, account, units):
    identity, name = account["id"], account["name"]
    here = next((one for one in backend.accounts if one.id == identity), None)
    if here is None:
        with Chosen(account=identity):
            backend.create_account(AccountName=name, Email=account.get("email", f"{name}@example.com"))
        here = backend.get_account_by_id(identity)
        here.id = identity
    here.name, here.email = name, account.get("email", f"{name}@example.com")
    here.tags.update(account.get("tags", {}))
    here.status = here.state = account.get("status", "ACTIVE")
    if account.get("unit"):
        backend.move_account(AccountId=identity, SourceParentId=here.parent_id, DestinationParentId=units[account["unit"]])
