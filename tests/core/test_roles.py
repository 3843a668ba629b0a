"""Who may do what: the capabilities of each role, and of people without one."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.people import save_user
from core.roles import CAPABILITIES, Can, Role, capabilities, may, requires

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.ADMINISTRATOR, set(Can)),
        (Role.MAPPER, {Can.READ, Can.PREVIEW, Can.MAP}),
        (Role.OPERATOR, {Can.READ, Can.PREVIEW, Can.OPERATE}),
        (Role.VIEWER, {Can.READ}),
    ],
)
def test_a_role_may_do_just_this(role: Role, allowed: set[Can]) -> None:
    user, _, _ = save_user(name="ada", role=role, password="correct horse battery")
    assert capabilities(user) == allowed == CAPABILITIES[role]
    assert {can for can in Can if may(user, can)} == allowed


def test_nobody_without_a_role_may_do_anything() -> None:
    assert capabilities(AnonymousUser()) == frozenset()
    assert capabilities(User.objects.create_user("bob", password="x")) == frozenset()


def test_a_deactivated_person_may_do_nothing() -> None:
    user = User.objects.create_superuser("ada", password="x")
    user.is_active = False
    assert capabilities(user) == frozenset()


def test_a_superuser_may_do_what_an_administrator_may() -> None:
    assert capabilities(User.objects.create_superuser("ada", password="x")) == CAPABILITIES[Role.ADMINISTRATOR]


def test_capabilities_are_asked_for_once(django_assert_num_queries: Any) -> None:
    user, _, _ = save_user(name="ada", role=Role.MAPPER, password="correct horse battery")
    fresh = User.objects.get(pk=user.pk)
    with django_assert_num_queries(1):
        assert may(fresh, Can.MAP)
        assert not may(fresh, Can.OPERATE)


def test_a_view_names_the_capability_it_requires_and_refuses_without_it() -> None:
    @requires(Can.OPERATE)
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")

    request = HttpRequest()
    request.user = User.objects.create_user("bob", password="x")
    with pytest.raises(PermissionDenied, match="right to operate"):
        view(request)
    request.user = User.objects.create_superuser("ada", password="x")
    assert view(request).content == b"done"
    assert vars(view)["requires"] is Can.OPERATE


IN_EVERY_COMPANY = {"masterdata/visible_companies.py", "masterdata/admin_scope.py"}
"""Where it is asked whether somebody sees every company there is."""


def test_every_page_asks_for_a_right_in_its_company() -> None:
    """Without a company, `may` means every company: an Administrator of one would be refused what they may there."""
    unclear = []
    for room in ("accounts", "config", "connection_setup", "coupling", "jobs", "masterdata", "sync", "ui"):
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            place = path.relative_to(settings.BASE_DIR).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "may":
                    everywhere = ast.unparse(node.args[1]) == "Can.ADMINISTER_ALL" or place in IN_EVERY_COMPANY
                    if len(node.args) < 3 and not everywhere:
                        unclear.append(f"{place}:{node.lineno}")
    assert not unclear
