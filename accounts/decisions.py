"""What is decided about people's roles. Pure: roles in, answer out."""

from collections.abc import Iterable

from core.roles import CAPABILITIES, Can, Held, Role, capabilities_in

ALL_COMPANIES = "all companies"

CHOICES: dict[str, frozenset[Role]] = {
    "": frozenset(),
    "Viewer": frozenset({Role.VIEWER}),
    "Operator": frozenset({Role.OPERATOR}),
    "Mapper": frozenset({Role.MAPPER}),
    "Mapper and Operator": frozenset({Role.MAPPER, Role.OPERATOR}),
    "Administrator": frozenset({Role.ADMINISTRATOR}),
}
"""What can be chosen for a person in a company, with the roles that it stands for."""


def choice_of(roles: Iterable[str]) -> str:
    """Return the choice that allows what these roles allow."""
    allowed = frozenset[Can]().union(*(CAPABILITIES[Role(role)] for role in roles if role in CAPABILITIES))
    return next(choice for choice in reversed(CHOICES) if capabilities_of(choice) <= allowed)


def capabilities_of(choice: str) -> frozenset[Can]:
    """Return what a choice allows."""
    return frozenset[Can]().union(*(CAPABILITIES[role] for role in CHOICES[choice]))


def may_give_roles(held: Iterable[Held], company: str | None) -> bool:
    """Return whether somebody with these roles gives and takes roles in the company; None: in all companies."""
    needed = Can.ADMINISTER_ALL if company is None else Can.ADMINISTER
    return needed in capabilities_in(held, company)


def held_after(held: Iterable[Held], company: str | None, role: Role) -> frozenset[Held]:
    """Return the roles of somebody who is to be just this in the company; None: in all companies.

    Named for all companies, the role replaces every other one. Named for one, it replaces those in it, and those in
    all companies where they allow more: otherwise the person would still be what they are not to be any more.
    """
    wanted = Held(company, role)
    if company is None:
        return frozenset({wanted})
    everywhere = frozenset(one for one in held if one.company is None)
    elsewhere = frozenset(one for one in held if one.company not in (None, company))
    if capabilities_in(everywhere, company) - CAPABILITIES[role]:
        everywhere = frozenset()
    return everywhere | elsewhere | {wanted}


def describe_role(one: Held, names: dict[str, str]) -> str:
    """Return a role as a sentence says it: "Viewer in Contoso". names: of companies, by their part of addresses."""
    return f"{one.role} in {ALL_COMPANIES if one.company is None else names.get(one.company, one.company)}"


def names_shown(names: Iterable[str], visible: Iterable[str]) -> tuple[str, ...]:
    """Return names of companies as a person reads them who sees these: of the others only how many there are."""
    seen, given = frozenset(visible), tuple(names)
    shown = tuple(name for name in given if name in seen)
    rest = len(given) - len(shown)
    return (*shown, *((f"{rest} other companies" if rest > 1 else "another company",) if rest else ()))
