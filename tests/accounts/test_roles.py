"""Giving and taking roles, and what follows: the superuser, groups, the audit, sessions."""

from importlib import import_module
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from accounts import people, roles
from accounts.models import CompanyRole
from core.refusals import Refusal
from core.roles import Can, Held, Role, may
from masterdata.models import Company
from masterdata.visible_companies import companies_of

pytestmark = pytest.mark.django_db

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def alder() -> Company:
    return Company.objects.create(name="Alder", currency_code="EUR")


@pytest.fixture
def birch() -> Company:
    return Company.objects.create(name="Birch", currency_code="EUR")


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password="x")


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


def fresh(person: User) -> User:
    return User.objects.get(pk=person.pk)


def groups_of(person: User) -> set[str]:
    return set(person.groups.values_list("name", flat=True))


def test_a_role_in_one_company_shows_that_company_alone(ada: User, alder: Company, birch: Company) -> None:
    roles.set_roles(person=ada, company=alder, roles=[Role.OPERATOR])
    assert list(companies_of(fresh(ada))) == [alder]
    assert may(fresh(ada), Can.OPERATE, alder)
    assert not may(fresh(ada), Can.READ, birch)
    assert not may(fresh(ada), Can.READ)
    assert groups_of(ada) == set()


def test_a_role_in_all_companies_shows_those_to_come_as_well(ada: User, alder: Company) -> None:
    roles.set_roles(person=ada, company=None, roles=[Role.VIEWER])
    later = Company.objects.create(name="Later", currency_code="EUR")
    assert list(companies_of(fresh(ada))) == [alder, later]
    assert groups_of(ada) == {"Viewer"}


@pytest.mark.parametrize("way", ["service", "row", "group", "rows at once"])
def test_the_superuser_follows_the_role_however_it_is_given_and_taken(root: User, ada: User, way: str) -> None:
    give: dict[str, Any] = {
        "service": lambda: roles.set_roles(person=ada, company=None, roles=[Role.ADMINISTRATOR]),
        "row": lambda: CompanyRole.objects.create(person=ada, role=Role.ADMINISTRATOR),
        "group": lambda: ada.groups.add(Group.objects.get_or_create(name="Administrator")[0]),
        "rows at once": lambda: Group.objects.get_or_create(name="Administrator")[0].user_set.set([root, ada]),
    }
    take: dict[str, Any] = {
        "service": lambda: roles.set_roles(person=ada, company=None, roles=[Role.VIEWER]),
        "row": lambda: CompanyRole.objects.get(person=ada).delete(),
        "group": lambda: ada.groups.set([Group.objects.get_or_create(name="Viewer")[0]]),
        "rows at once": lambda: Group.objects.get(name="Administrator").user_set.set([root]),
    }
    give[way]()
    assert (fresh(ada).is_superuser, fresh(ada).is_staff, groups_of(ada)) == (True, True, {"Administrator"})
    assert roles.stored_roles(ada) == {Held(None, "Administrator")}
    take[way]()
    assert (fresh(ada).is_superuser, fresh(ada).is_staff) == (False, False)
    assert not may(fresh(ada), Can.ADMINISTER)
    assert groups_of(ada) == {one.role for one in roles.stored_roles(ada)} <= {"Viewer"}


def test_several_groups_at_once_are_several_roles(ada: User) -> None:
    made = roles.ensure_groups()
    ada.groups.add(made[Role.MAPPER], made[Role.OPERATOR], Group.objects.create(name="Warehouse"))
    assert roles.stored_roles(ada) == {Held(None, "Mapper"), Held(None, "Operator")}
    assert groups_of(ada) == {"Mapper", "Operator", "Warehouse"}


def test_no_other_group_takes_the_name_of_a_role(ada: User, root: User) -> None:
    made, warehouse = roles.ensure_groups(), Group.objects.create(name="Warehouse")
    ada.groups.add(warehouse)
    client = Client()
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    taken = made[Role.ADMINISTRATOR].pk
    client.post(f"/admin/auth/group/{taken}/change/", {"name": "Renamed"})
    client.post(f"/admin/auth/group/{taken}/delete/", {"post": "yes"})
    client.post("/admin/auth/group/", {"action": "delete_selected", "_selected_action": [taken], "post": "yes"})
    client.post(f"/admin/auth/group/{warehouse.pk}/change/", {"name": "Administrator"})
    assert Group.objects.get(pk=taken).name == "Administrator"
    client.post(f"/admin/auth/group/{warehouse.pk}/change/", {"name": "Store"})
    assert groups_of(ada) == {"Store"}
    assert not fresh(ada).is_superuser


def test_a_superuser_set_by_hand_does_not_stay_without_the_role_nor_goes_with_it(ada: User, root: User) -> None:
    ada.is_superuser = True
    ada.save()
    assert not fresh(ada).is_superuser
    root.is_superuser = False
    root.save()
    assert fresh(root).is_superuser
    assert roles.stored_roles(root) == {Held(None, "Administrator")}


def test_in_the_admin_a_person_moved_to_another_group_is_no_superuser_any_more(root: User) -> None:
    """What was seen: moved to the group Viewer, the person still opened Data Encryption Management."""
    grace = User.objects.create_superuser("grace")
    company = Company.objects.create(name="Alder", currency_code="EUR")
    client, hers = Client(), Client()
    client.force_login(root, backend=BACKEND)
    hers.force_login(grace, backend=BACKEND)
    assert hers.get(f"/c/{company.slug}/data-encryption-management/").status_code == 200
    answer = client.post(
        f"/admin/auth/user/{grace.pk}/change/",
        {"username": "grace", "is_active": "on", "is_superuser": "on", "is_staff": "on",
         "groups": [roles.ensure_groups()[Role.VIEWER].pk]},
    )  # fmt: skip
    assert answer.status_code == 302
    assert hers.get(f"/c/{company.slug}/data-encryption-management/").status_code == 403
    assert not fresh(grace).is_superuser


def test_the_admin_deactivates_nobody_and_asks_for_the_old_password_where_it_is_ones_own(root: User) -> None:
    client = Client()
    client.force_login(root, backend=BACKEND)
    groups = [roles.ensure_groups()[Role.ADMINISTRATOR].pk]
    client.post(f"/admin/auth/user/{root.pk}/change/", {"username": root.username, "groups": groups})
    assert fresh(root).is_active
    grace = User.objects.create_user("grace")
    own, hers = (client.get(f"/admin/auth/user/{one.pk}/password/") for one in (root, grace))
    assert (own.status_code, own["Location"]) == (302, "/password/")
    assert hers.status_code == 200


def test_the_last_administrator_of_all_companies_keeps_the_role(root: User, ada: User) -> None:
    with pytest.raises(Refusal, match="only active person"):
        roles.set_roles(person=root, company=None, roles=[Role.VIEWER], by=root)
    with pytest.raises(Refusal, match="cannot deactivate yourself"):
        people.set_active(person=root, active=False, by=root)
    roles.set_roles(person=ada, company=None, roles=[Role.ADMINISTRATOR], by=root)
    people.set_active(person=ada, active=False, by=root)
    with pytest.raises(Refusal, match="only active person"):
        roles.set_roles(person=root, company=None, roles=[Role.VIEWER], by=fresh(root))
    people.set_active(person=ada, active=True, by=root)
    roles.set_roles(person=root, company=None, roles=[Role.VIEWER], by=fresh(ada))
    assert not fresh(root).is_superuser


def test_who_administers_one_company_gives_roles_in_it_alone(ada: User, alder: Company, birch: Company) -> None:
    grace = User.objects.create_user("grace")
    roles.set_roles(person=ada, company=alder, roles=[Role.ADMINISTRATOR])
    roles.set_roles(person=grace, company=alder, roles=[Role.MAPPER], by=fresh(ada))
    for company in (birch, None):
        with pytest.raises(Refusal, match="does not administer"):
            roles.set_roles(person=grace, company=company, roles=[Role.VIEWER], by=fresh(ada))
    assert roles.stored_roles(grace) == {Held("alder", "Mapper")}
    assert CompanyRole.objects.get(person=grace).given_by == ada


def test_who_gave_and_took_what_is_in_the_audit_log_with_names(
    root: User, ada: User, alder: Company, client: Client
) -> None:
    roles.set_roles(person=ada, company=alder, roles=[Role.MAPPER], by=root)
    roles.set_roles(person=ada, company=alder, roles=[], by=root)
    entries = LogEntry.objects.get_for_model(CompanyRole).filter(additional_data__person="ada").order_by("pk")
    assert [(one.action, one.additional_data) for one in entries] == [
        (LogEntry.Action.CREATE, {"person": "ada", "company": "Alder", "company_id": alder.pk, "role": "Mapper"}),
        (LogEntry.Action.DELETE, {"person": "ada", "company": "Alder", "company_id": alder.pk, "role": "Mapper"}),
    ]


def test_deactivating_ends_the_sessions_and_activating_again_brings_none_back(root: User, ada: User) -> None:
    hers, mine = Client(), Client()
    hers.force_login(ada, backend=BACKEND)
    mine.force_login(root, backend=BACKEND)
    people.set_active(person=ada, active=False, by=root)
    assert hers.get("/")["Location"].startswith("/sign-in/")
    people.set_active(person=ada, active=True, by=root)
    assert hers.get("/")["Location"].startswith("/sign-in/")
    assert mine.get("/").status_code == 200


def test_the_migration_gives_everybody_what_they_had(ada: User, root: User) -> None:
    made = roles.ensure_groups()
    warehouse = Group.objects.create(name="Warehouse")
    both, none = User.objects.create_user("both"), User.objects.create_user("none")
    membership = User.groups.through
    membership.objects.all().delete()
    CompanyRole.objects.all()._raw_delete(CompanyRole.objects.db)  # as it was before there were any
    User._base_manager.filter(pk=ada.pk).update(is_superuser=False, is_staff=False)
    User._base_manager.filter(pk=root.pk).update(is_superuser=True, is_staff=True)
    membership.objects.bulk_create(
        membership(user=person, group=group)
        for person, group in (
            (ada, made[Role.VIEWER]), (ada, warehouse), (both, made[Role.MAPPER]), (both, made[Role.OPERATOR]),
            (none, warehouse),
        )
    )  # fmt: skip
    migration = import_module("accounts.migrations.0001_company_roles")
    migration.keep_what_everybody_has(apps, connection.schema_editor())
    held = {person.username: {one.role for one in roles.stored_roles(person)} for person in (ada, both, root, none)}
    assert held == {"ada": {"Viewer"}, "both": {"Mapper", "Operator"}, "root": {"Administrator"}, "none": set()}
    assert {row.company for row in CompanyRole.objects.all()} == {None}
    assert groups_of(ada) == {"Viewer", "Warehouse"}
    assert groups_of(root) == {"Administrator"}


def test_deleting_a_person_or_a_company_takes_the_roles_along(root: User, ada: User, alder: Company) -> None:
    roles.set_roles(person=ada, company=alder, roles=[Role.MAPPER])
    roles.set_roles(person=ada, company=None, roles=[Role.ADMINISTRATOR])
    alder.delete()
    assert roles.stored_roles(ada) == {Held(None, "Administrator")}
    ada.delete()
    assert [row.person for row in CompanyRole.objects.all()] == [root]
