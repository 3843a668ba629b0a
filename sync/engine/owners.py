"""Whose user it is that cannot own a row: the salesperson coupled with that user, as the record's outcome names them.

Dataverse names users by their ids, and often not at all; the couplings know the salesperson, whom people here know.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from coupling.models import Coupling
from coupling.rows import WriteResult
from masterdata.models import Company, Salesperson

OWNER, USER = "ownerid", "systemuser"
_GONE, _DISABLED, _NO_ROLE = "0x80040217", "0x8004022b", "0x80042f09"
_LACKING = ("0x80040220", "0x80040299", "0x80048306")
_CODE = re.compile(r"0x[0-9a-f]{8}")
_ELSE = "couple the salesperson with another user on the page Couple Dataverse Users with Salespeople"
_CENTER = "in the Power Platform admin center under Users + permissions"


def refused_owner(detail: str, user_id: str, salesperson: str) -> str:
    """Return what a refusal says about the user who is to own a row; "" where it is about something else.

    detail: status, code and words of the service, as WriteResult has them; user_id: the owner's; salesperson: code and
    name.
    """
    words = detail.lower()
    code = next(iter(_CODE.findall(words)), "")
    if code == _DISABLED:
        what, fix = "is disabled in Dataverse", f"Enable the user there, or {_ELSE}."
    elif user_id.lower() not in words:
        return ""
    elif code == _GONE:
        what, fix = "no longer exists in Dataverse", f"{_ELSE[0].upper()}{_ELSE[1:]}."
    elif code == _NO_ROLE:
        what, fix = "has no security role in Dataverse", f"Assign the user one, {_CENTER}, or {_ELSE}."
    elif code in _LACKING:
        what = "has no security role in Dataverse that lets them own it"
        fix = f"Assign the user one that does, {_CENTER}, or {_ELSE}."
    else:
        return ""
    return f"The row is to belong to the user of the salesperson {salesperson}, who {what}. {fix}"


class Owners:
    """The salespeople of a company by the ids of their users, read once it is needed."""

    def __init__(self, company: Company) -> None:
        self.company = company

    def told(self, columns: Mapping[str, Any], result: WriteResult) -> str:
        """Return the message of a row that was not written, `columns` being what was sent."""
        owner = columns.get(OWNER)
        if not isinstance(owner, tuple) or owner[0] != USER:
            return result.message
        user_id = str(owner[1])
        salesperson = self._salespeople.get(user_id.lower())
        return (refused_owner(result.detail, user_id, salesperson) if salesperson else "") or result.message

    @cached_property
    def _salespeople(self) -> dict[str, str]:
        """Code and name of each coupled salesperson by the user's id."""
        pairs = Coupling.objects.filter(company=self.company, table="salesperson", pending=False)
        users = dict(pairs.values_list("local_id", "integration_id"))
        people = Salesperson.objects.filter(company=self.company, system_id__in=users)
        return {str(users[one.system_id]): f"{one.code} {one.name}".strip() for one in people}
