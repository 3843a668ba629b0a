"""Somebody who may sign in always administers all companies: whatever would leave nobody is refused with a sentence."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory

from accounts import people, roles
from accounts.models import CompanyRole
from accounts.pages import changes_page
from core.refusals import Refusal
from core.roles import Held, Role
from masterdata.models import Company

WHY = "root is the only active person who is an Administrator in all companies."
FIX = "Give somebody else that role first."
USERS = "/admin/auth/user/"
EVERYWHERE = "All companies"


@pytest.fixture
def root(db: None) -> User:
    roles.ensure_groups()
    return User.objects.create_superuser("root")


@pytest.fixture
def browser(root: User) -> Client:
    """Provide root's browser, in which refusals are read on the page that follows."""
    client = Client()
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


def posted(client: Client, path: str, **values: Any) -> str:
    return str(client.post(path, values, follow=True).content.decode())


def command(*words: str) -> str:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*words, stderr=out)
    assert ended.value.code == 1
    return out.getvalue()


WAYS: dict[str, Callable[[Client, User], str]] = {
    "the admin takes the group": lambda client, root: posted(
        client, f"{USERS}{root.pk}/change/", username=root.username
    ),
    "the admin deletes the person": lambda client, root: posted(client, f"{USERS}{root.pk}/delete/", post="yes"),
    "the admin deletes those selected": lambda client, root: posted(
        client, USERS, action="delete_selected", _selected_action=[root.pk], post="yes"
    ),
    "People": lambda client, root: posted(
        client, "/c/alder/people/save/", **{f"role-{root.pk}-all": "Viewer", f"was-{root.pk}-all": "Administrator"}
    ),
    "the command": lambda _, root: command("user", "root", "--role", "Viewer"),
    "the command, in one company": lambda _, root: command("user", "root", "--role", "Viewer", "--company", "Alder"),
    "the command, in somebody's name": lambda _, root: command("user", "root", "--role", "Viewer", "--user", "root"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_last_administrator_keeps_the_role_whatever_is_used(browser: Client, root: User, way: str) -> None:
    Company.objects.create(name="Alder", slug="alder", currency_code="EUR")
    ada = User.objects.create_user("ada", is_active=False)  # has the role, but cannot sign in
    CompanyRole.objects.create(person=ada, role=Role.ADMINISTRATOR)
    said = WAYS[way](browser, root)
    assert WHY in said and FIX in said
    kept = User.objects.get(pk=root.pk)
    assert (kept.is_active, kept.is_superuser, roles.stored_roles(kept)) == (True, True, {Held(None, "Administrator")})
    assert set(kept.groups.values_list("name", flat=True)) == {"Administrator"}


def test_whatever_code_is_used_the_last_administrator_stays(root: User) -> None:
    row = CompanyRole.objects.get(person=root)
    row.role = Role.VIEWER
    root.is_active = False
    group = Group.objects.get(name=Role.ADMINISTRATOR)
    changes: list[Callable[[], Any]] = [
        row.save, root.save, root.delete, CompanyRole.objects.all().delete, User.objects.all().delete,
        lambda: group.user_set.clear(), lambda: User.objects.get(pk=root.pk).groups.set([]),
        lambda: User.objects.update(is_active=False), lambda: User.objects.bulk_update([root], ["is_active"]),
        lambda: group.user_set.update(is_active=False), lambda: CompanyRole.objects.update(role=Role.VIEWER),
        lambda: CompanyRole.objects.bulk_update([row], ["role"]), lambda: root.company_roles.update(role=Role.VIEWER),
        lambda: CompanyRole.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["id"], update_fields=["role"]
        ),
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(Refusal, match="only active person"), transaction.atomic():
            change()
    assert User.objects.get(is_active=True).is_superuser


def test_what_follows_from_a_change_follows_from_one_in_bulk(browser: Client, root: User) -> None:
    ada = User.objects.create_superuser("ada")
    client = Client()
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    User.objects.filter(pk=ada.pk).update(last_name="Lovelace", is_active=False)
    assert not Session.objects.filter(pk=client.session.session_key).exists()
    User.objects.filter(pk=ada.pk).update(is_active=True)
    CompanyRole.objects.filter(person=ada).update(role=Role.VIEWER)
    ada = User.objects.get(pk=ada.pk)
    assert (ada.is_superuser, [one.name for one in ada.groups.all()]) == (False, ["Viewer"])
    User.objects.filter(pk=ada.pk).update(is_superuser=True)
    assert not User.objects.get(pk=ada.pk).is_superuser


def test_changes_in_bulk_are_in_role_changes_like_all_others(root: User) -> None:
    ada, company = User.objects.create_user("ada"), Company.objects.create(name="Cronus", currency_code="USD")
    LogEntry.objects.all().delete()
    CompanyRole.objects.bulk_create(
        [CompanyRole(person=ada, company=company, role=Role.VIEWER), CompanyRole(person=ada, role=Role.ADMINISTRATOR)]
    )
    assert User.objects.get(pk=ada.pk).is_superuser, "what follows from a role follows from one that is added in bulk"
    CompanyRole.objects.filter(person=ada, company=company).update(role=Role.MAPPER)
    CompanyRole.objects.filter(person=ada, company=company).update(role=Role.MAPPER)
    row = CompanyRole.objects.get(person=ada, company=None)
    row.role = Role.OPERATOR
    CompanyRole.objects.bulk_update([row], ["role"])
    User.objects.filter(pk=ada.pk).update(is_active=False, last_name="Lovelace")
    listed = changes_page.build_listing(request_of(root))
    shown = [
        (changes_page.person_of(one), changes_page.kind_of(one).text, (one.additional_data or {}).get("role"),
         changes_page.company_of(one), changes_page.actor_of(one))
        for one in listed.rows.order_by("pk")
    ]  # fmt: skip
    assert shown == [
        ("ada", "Given", "Viewer", "Cronus", "A command"), ("ada", "Given", "Administrator", EVERYWHERE, "A command"),
        ("ada", "Taken", "Viewer", "Cronus", "A command"), ("ada", "Given", "Mapper", "Cronus", "A command"),
        ("ada", "Taken", "Administrator", EVERYWHERE, "A command"),
        ("ada", "Given", "Operator", EVERYWHERE, "A command"), ("ada", "Deactivated", None, "", "A command"),
    ]  # fmt: skip


def request_of(person: User) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = person
    return request


def test_all_administrators_at_once_are_not_deleted_either(browser: Client, root: User) -> None:
    ada = User.objects.create_superuser("ada")
    said = posted(browser, USERS, action="delete_selected", _selected_action=[root.pk, ada.pk], post="yes")
    assert "is the only active person who is an Administrator in all companies" in said
    assert User.objects.filter(is_superuser=True).count() == 2
    assert "Successfully deleted 1 user" in posted(
        browser, USERS, action="delete_selected", _selected_action=[ada.pk], post="yes"
    )


def test_who_is_no_administrator_or_inactive_goes_as_before(root: User) -> None:
    people.save_user(name="grace", role=Role.ADMINISTRATOR)
    grace = User.objects.get(username="grace")
    people.set_active(person=grace, active=False, by=root)
    grace.last_name = "Hopper"
    grace.save()
    grace.delete()
    User.objects.create_user("vera").delete()
    assert list(User.objects.all()) == [root]


ROUNDS = 3


@pytest.mark.parametrize("how", ["demote", "deactivate", "admin"])
def test_two_administrators_who_take_the_role_from_each_other_at_once_leave_one(
    transactional_db: Any, how: str
) -> None:
    """Neither ends in a deadlock of the database: whoever comes second is refused."""

    def take(person: User, by: User, barrier: Barrier) -> str:
        try:
            client = Client()
            client.force_login(by, backend="django.contrib.auth.backends.ModelBackend")
            barrier.wait(30)
            if how == "admin":
                said = posted(client, f"{USERS}{person.pk}/change/", username=person.username)
                return "refused" if "only active person" in said or "Log in" in said or "Sign in" in said else "done"
            if how == "demote":
                roles.set_roles(person=person, company=None, roles=[Role.VIEWER], by=by)
            else:
                people.set_active(person=person, active=False, by=by)
        except Refusal:
            return "refused"
        finally:
            connection.close()
        return "done"

    roles.ensure_groups()
    for turn in range(ROUNDS):
        two = [User.objects.create_superuser(f"{name}{turn}") for name in ("ada", "grace")]
        User.objects.exclude(pk__in=[one.pk for one in two]).delete()
        barrier = Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(take, two, two[::-1], [barrier] * 2))
        assert sorted(said) == ["done", "refused"], said
        assert User.objects.filter(is_active=True, company_roles__role=Role.ADMINISTRATOR).count() == 1
