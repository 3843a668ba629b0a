"""What follows from roles per company, as tables: what somebody may do, who gives roles, what a command discards."""

import pytest

from accounts.decisions import (
    CHOICES,
    capabilities_of,
    choice_of,
    describe_role,
    held_after,
    may_give_roles,
    names_shown,
)
from core.roles import CAPABILITIES, Access, Can, Held, Role, capabilities_anywhere, capabilities_in, decide_access

A, B = "alder", "birch"
ADMINISTRATOR, MAPPER, OPERATOR, VIEWER = Role

EVERYWHERE_ADMINISTRATOR = {Held(None, ADMINISTRATOR)}
A_ADMINISTRATOR = {Held(A, ADMINISTRATOR)}
A_VIEWER = {Held(A, VIEWER)}
A_OPERATOR_ELSE_VIEWER = {Held(None, VIEWER), Held(A, OPERATOR)}
MAPS_AND_OPERATES = {Held(A, MAPPER), Held(A, OPERATOR)}

ONE = {Can.READ, Can.PREVIEW, Can.OPERATE, Can.MAP, Can.ADMINISTER}


@pytest.mark.parametrize(
    ("held", "company", "allowed"),
    [
        (set(), A, set()),
        (set(), None, set()),
        (EVERYWHERE_ADMINISTRATOR, A, set(Can)),
        (EVERYWHERE_ADMINISTRATOR, None, set(Can)),
        (EVERYWHERE_ADMINISTRATOR, "nowhere", set(Can)),
        (A_ADMINISTRATOR, A, ONE),
        (A_ADMINISTRATOR, B, set()),
        (A_ADMINISTRATOR, None, set()),
        (A_VIEWER, A, {Can.READ}),
        (A_VIEWER, B, set()),
        (A_OPERATOR_ELSE_VIEWER, A, {Can.READ, Can.PREVIEW, Can.OPERATE}),
        (A_OPERATOR_ELSE_VIEWER, B, {Can.READ}),
        (A_OPERATOR_ELSE_VIEWER, None, {Can.READ}),
        (MAPS_AND_OPERATES, A, {Can.READ, Can.PREVIEW, Can.OPERATE, Can.MAP}),
        ({Held(A, "Warehouse")}, A, set()),
    ],
)
def test_what_somebody_may_do_in_a_company(held: set[Held], company: str | None, allowed: set[Can]) -> None:
    assert capabilities_in(held, company) == allowed


@pytest.mark.parametrize(
    ("held", "allowed"),
    [
        (set(), set()),
        (A_VIEWER, {Can.READ}),
        ({Held(A, VIEWER), Held(B, MAPPER)}, {Can.READ, Can.PREVIEW, Can.MAP}),
        (A_ADMINISTRATOR, ONE),
        (EVERYWHERE_ADMINISTRATOR, set(Can)),
    ],
)
def test_what_somebody_may_do_somewhere(held: set[Held], allowed: set[Can]) -> None:
    assert capabilities_anywhere(held) == allowed


@pytest.mark.parametrize(
    ("held", "can", "company", "access"),
    [
        (set(), Can.READ, A, Access.FORBIDDEN),
        (set(), Can.READ, "nowhere", Access.FORBIDDEN),
        (set(), Can.READ, None, Access.FORBIDDEN),
        (A_VIEWER, Can.READ, A, Access.OPEN),
        (A_VIEWER, Can.OPERATE, A, Access.FORBIDDEN),
        (A_VIEWER, Can.READ, B, Access.NOT_FOUND),
        (A_VIEWER, Can.READ, "nowhere", Access.NOT_FOUND),
        (A_VIEWER, Can.ADMINISTER, B, Access.NOT_FOUND),
        (A_VIEWER, Can.READ, None, Access.OPEN),
        (A_VIEWER, Can.ADMINISTER, None, Access.FORBIDDEN),
        (A_ADMINISTRATOR, Can.ADMINISTER, A, Access.OPEN),
        (A_ADMINISTRATOR, Can.ADMINISTER_ALL, A, Access.FORBIDDEN),
        (A_ADMINISTRATOR, Can.ADMINISTER, B, Access.NOT_FOUND),
        (A_OPERATOR_ELSE_VIEWER, Can.OPERATE, B, Access.FORBIDDEN),
        (EVERYWHERE_ADMINISTRATOR, Can.ADMINISTER_ALL, B, Access.OPEN),
    ],
)
def test_how_a_request_is_answered(held: set[Held], can: Can, company: str | None, access: Access) -> None:
    assert decide_access(held, can, company) is access


@pytest.mark.parametrize(
    ("held", "company", "may"),
    [
        (EVERYWHERE_ADMINISTRATOR, None, True),
        (EVERYWHERE_ADMINISTRATOR, B, True),
        (A_ADMINISTRATOR, A, True),
        (A_ADMINISTRATOR, B, False),
        (A_ADMINISTRATOR, None, False),
        (MAPS_AND_OPERATES, A, False),
        (set(), None, False),
    ],
)
def test_who_gives_roles(held: set[Held], company: str | None, may: bool) -> None:
    assert may_give_roles(held, company) is may


@pytest.mark.parametrize(
    ("held", "company", "role", "after"),
    [
        (set(), None, VIEWER, {Held(None, VIEWER)}),
        (set(), A, VIEWER, A_VIEWER),
        # Named for all companies, it is the only one.
        ({Held(None, ADMINISTRATOR), Held(A, MAPPER)}, None, VIEWER, {Held(None, VIEWER)}),
        (A_ADMINISTRATOR, None, VIEWER, {Held(None, VIEWER)}),
        # Named for one company, it replaces those in it and leaves those in others.
        ({Held(A, MAPPER), Held(A, OPERATOR), Held(B, VIEWER)}, A, VIEWER, {Held(A, VIEWER), Held(B, VIEWER)}),
        # One in all companies stays where it allows no more there, and goes where it would still count.
        ({Held(None, VIEWER)}, A, OPERATOR, A_OPERATOR_ELSE_VIEWER),
        ({Held(None, VIEWER)}, A, VIEWER, {Held(None, VIEWER), Held(A, VIEWER)}),
        (EVERYWHERE_ADMINISTRATOR, A, VIEWER, A_VIEWER),
        (EVERYWHERE_ADMINISTRATOR, A, ADMINISTRATOR, EVERYWHERE_ADMINISTRATOR | A_ADMINISTRATOR),
        ({Held(None, OPERATOR), Held(B, MAPPER)}, A, MAPPER, {Held(A, MAPPER), Held(B, MAPPER)}),
    ],
)
def test_what_is_left_after_a_role_was_named(
    held: set[Held], company: str | None, role: Role, after: set[Held]
) -> None:
    assert held_after(held, company, role) == after
    assert capabilities_in(held_after(held, company, role), company) - {Can.ADMINISTER_ALL} == CAPABILITIES[role] - {
        Can.ADMINISTER_ALL
    }


@pytest.mark.parametrize(
    ("roles", "choice"),
    [
        ((), ""),
        ((VIEWER,), "Viewer"),
        ((OPERATOR, VIEWER), "Operator"),
        ((MAPPER,), "Mapper"),
        ((OPERATOR, MAPPER), "Mapper and Operator"),
        ((OPERATOR, MAPPER, VIEWER), "Mapper and Operator"),
        ((OPERATOR, ADMINISTRATOR), "Administrator"),
        (("Warehouse",), ""),
    ],
)
def test_the_choice_that_stands_for_roles(roles: tuple[str, ...], choice: str) -> None:
    assert choice_of(roles) == choice


def test_every_choice_stands_for_itself_and_for_no_other() -> None:
    assert [choice_of(roles) for roles in CHOICES.values()] == list(CHOICES)
    assert len({capabilities_of(choice) for choice in CHOICES}) == len(CHOICES)


@pytest.mark.parametrize(
    ("names", "visible", "shown"),
    [
        ((), (), ()),
        (("Alder",), ("Alder",), ("Alder",)),
        (("Alder",), (), ("another company",)),
        (("Alder", "Birch"), (), ("2 other companies",)),
        (("Alder", "Birch"), ("Birch",), ("Birch", "another company")),
        (("Alder", "Birch", "Cedar"), ("Birch", "Elm"), ("Birch", "2 other companies")),
    ],
)
def test_names_of_companies_as_a_person_reads_them(
    names: tuple[str, ...], visible: tuple[str, ...], shown: tuple[str, ...]
) -> None:
    assert names_shown(names, visible) == shown


@pytest.mark.parametrize(
    ("company", "text"),
    [
        (None, "Viewer in all companies"),
        ("contoso", "Viewer in Contoso Ltd."),
        ("gone", "Viewer in gone"),
    ],
)
def test_a_role_as_a_sentence_names_it(company: str | None, text: str) -> None:
    assert describe_role(Held(company, Role.VIEWER), {"contoso": "Contoso Ltd."}) == text
