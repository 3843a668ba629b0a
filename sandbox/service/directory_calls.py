"""Control calls about a tenant: its people as users of the environment, its applications, and what it decides."""

from typing import Any

from cryptography import x509

from sandbox.base.messages import Request, Response
from sandbox.base.values import parse_guid
from sandbox.data.members import Membership, TeamRoles, rename_roles
from sandbox.environment import Environment
from sandbox.identity.policy import read_refusal
from sandbox.identity.records import Application, Person
from sandbox.service.control_bodies import (
    InvalidCall,
    check_names,
    describe_application,
    json_answer,
    read_number,
    read_object,
    read_secret,
)

_SWITCHES = ("consented", "disabled", "multi_tenant", "public_client", "strict_redirects")
_PERSON = ("name", "password", "disabled", "second_factor", "directory_administrator")
_USER = ("member", "licensed", "roles", "user_disabled", "access_mode", "teams", "late", "vanished")


def list_applications(environment: Environment) -> Response:
    """Answer with the tenant's applications, without the values of their secrets."""
    return json_answer([describe_application(one) for one in environment.tenant.applications.values()])


def register_application(environment: Environment, request: Request) -> Response:
    """Register an application, or change one. Raises InvalidCall."""
    given = read_object(request)
    check_names(given, "client_id", "name", "redirect_urls", "secrets", "certificates", "assigned", *_SWITCHES)
    client_id = parse_guid(given.get("client_id"))
    if client_id is None:
        raise InvalidCall("An application needs a client_id, which is a GUID.")
    applications = environment.tenant.applications
    known = applications.get(client_id) or Application(client_id, str(given.get("name") or "Registered application"))
    secrets = [read_secret(one) for one in given["secrets"]] if "secrets" in given else known.secrets
    certificates = [str(one) for one in given.get("certificates", known.certificates)]
    for pem in certificates:
        try:
            x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            raise InvalidCall("A certificate is given as PEM text.") from None
    assigned = given.get("assigned", known.assigned)
    applications[client_id] = Application(
        client_id,
        str(given.get("name") or known.name),
        secrets,
        [str(one) for one in given.get("redirect_urls", known.redirect_urls)],
        certificates,
        assigned=None if assigned is None else [str(one) for one in assigned],
        **{name: bool(given.get(name, getattr(known, name))) for name in _SWITCHES},
    )
    return json_answer(describe_application(applications[client_id]))


def list_people(environment: Environment) -> Response:
    """Answer with the people of the tenant, as users of the environment too."""
    people = []
    with environment.lock:
        for person in environment.tenant.people.values():
            user = environment.find_caller(person=person.name)
            people.append(
                {
                    "name": person.name,
                    "disabled": person.disabled,
                    "second_factor": person.second_factor,
                    "directory_administrator": person.directory_administrator,
                    "member": user is not None,
                    "licensed": user is not None and user.licensed,
                    "roles": sorted(user.roles) if user else [],
                    "access_mode": user.access_mode if user else 0,
                }
            )
    return json_answer(people)


def save_person(environment: Environment, request: Request) -> Response:
    """Register a person, or change one. Raises InvalidCall."""
    given = read_object(request)
    check_names(given, *_PERSON, *_USER)
    name = str(given.get("name", "")).strip().lower()
    if "@" not in name:
        raise InvalidCall("A person has a name like user@domain.")
    known = environment.tenant.people.get(name)
    password = str(given.get("password") or (known.password if known else environment.credentials.admin_password))
    switches = {one: bool(given.get(one, getattr(known, one, False))) for one in _PERSON[2:]}
    try:
        environment.save_person(Person(name, password, **switches), _read_membership(given))
    except ValueError as error:
        raise InvalidCall(str(error)) from None
    return list_people(environment)


def _read_membership(given: dict[str, Any]) -> Membership:
    roles, teams = given.get("roles", []), given.get("teams", [])
    if not isinstance(roles, list):
        raise InvalidCall("'roles' must be a list of names.")
    if not isinstance(teams, list) or not all(isinstance(one, dict) for one in teams):
        raise InvalidCall("'teams' must be a list of objects with name, kind and roles.")
    return Membership(
        member=bool(given.get("member", True)),
        licensed=bool(given.get("licensed", True)),
        roles=tuple(str(one) for one in roles),
        disabled=bool(given.get("user_disabled", False)),
        access_mode=int(read_number(given, "access_mode", 0)),
        teams=tuple(
            TeamRoles(str(one.get("name", "")), str(one.get("kind", "owner")), tuple(one.get("roles", ())))
            for one in teams
        ),
        late=bool(given.get("late", False)),
        vanished=bool(given.get("vanished", False)),
    )


def show_tenant(environment: Environment) -> Response:
    """Answer with what the tenant decides."""
    decided = environment.tenant.policy.to_json()
    return json_answer({**decided, "pay_as_you_go": environment.pay_as_you_go})


def set_tenant(environment: Environment, request: Request) -> Response:
    """Change what the tenant decides, and the names of roles. Raises InvalidCall."""
    given = read_object(request)
    check_names(given, "user_consent", "refusals", "role_names", "pay_as_you_go")
    policy = environment.tenant.policy
    try:
        refusals = [read_refusal(one) for one in given.get("refusals", ())]
        with environment.lock:
            rename_roles(environment.store, {str(k): str(v) for k, v in given.get("role_names", {}).items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidCall(str(error)) from None
    if "refusals" in given:
        policy.refusals = refusals
    policy.user_consent = bool(given.get("user_consent", policy.user_consent))
    environment.pay_as_you_go = bool(given.get("pay_as_you_go", environment.pay_as_you_go))
    return show_tenant(environment)
