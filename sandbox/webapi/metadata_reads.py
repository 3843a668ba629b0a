"""Who may read definitions: the everyday roles hold these privileges, and a role without them is refused."""

from sandbox.data import privileges
from sandbox.data.writing import Caller
from sandbox.environment import Environment
from sandbox.odata.options import parse_pairs
from sandbox.odata.paths import Segment

_BY_PART = {
    "EntityDefinitions": "prvReadEntity",
    "RelationshipDefinitions": "prvReadRelationship",
    "GlobalOptionSetDefinitions": "prvReadOptionSet",
    "Attributes": "prvReadAttribute",
    "OptionSet": "prvReadOptionSet",
    "GlobalOptionSet": "prvReadOptionSet",
    "ManyToOneRelationships": "prvReadRelationship",
    "OneToManyRelationships": "prvReadRelationship",
    "ManyToManyRelationships": "prvReadRelationship",
    "Keys": "prvReadEntityKey",
}


def require(environment: Environment, caller: Caller, steps: list[Segment], query: str) -> None:
    """Raise 403 where the caller lacks a privilege for a part that a path or its `$expand` names."""
    if not environment.customization.metadata_privileges:
        return
    expanded = next((value for name, value in parse_pairs(query) if name == "$expand"), "")
    names = [step.name for step in steps] + [name for name in _BY_PART if name in expanded.split("(")[0].split(",")]
    for name in names:
        if name in _BY_PART:
            privileges.require_named_privilege(caller, _BY_PART[name])
