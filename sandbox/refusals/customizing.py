"""Refusals 1 to 14: what is said no to while tables, columns and roles are made."""

from sandbox.base.asked import Asked
from sandbox.base.messages import Response
from sandbox.refusals.answers import SOMEBODY, Answer, ErrorAnswer, Refusal, Settings

_EXCEPTION = "Microsoft.Crm.ObjectModel.CustomizationLockException: "


def _is_write(asked: Asked, _: Settings) -> bool:
    return asked.method != "GET"


def _is_read(asked: Asked, _: Settings) -> bool:
    return asked.method == "GET"


def _is_create(asked: Asked, _: Settings) -> bool:
    return asked.method == "POST"


def _accepted(_: Asked, __: Settings) -> Response:
    return Response(204)


def _write(number: int, when: str, answer: Answer) -> Refusal:
    return Refusal(number, when, answer, strikes=_is_write)


REFUSALS: tuple[Refusal, ...] = (
    _write(
        1,
        "a label in a language that the organization lacks, on a date, a memo or a lookup",
        ErrorAnswer(400, "0x80044195", "The language code 1033 is not a valid language for this organization"),
    ),
    _write(2, "the same on a table or a global choice: accepted; here nothing is made of it", _accepted),
    _write(
        3,
        "somebody else customizes",
        ErrorAnswer(
            429,
            "0x80071151",
            "Cannot start another [EntityCustomization] because there is a previous [EntityCustomization] running at "
            "this moment.",
        ),
    ),
    _write(
        4,
        "a solution is imported",
        ErrorAnswer(
            503,
            "0x80071151",
            f"{_EXCEPTION}Cannot start the requested operation [EntityCustomization] because there is another [Import] "
            "running at this moment. Use Solution History for more details.",
        ),
    ),
    _write(
        5,
        "a lock of the labels is not released within 30 seconds",
        ErrorAnswer(
            503,
            "0x80048d3d",
            "Could not acquire Write lock in time 30000 milliseconds. Lock mode: Write. Lock name: "
            "SystemLabelDictionaryCache:",
        ),
    ),
    _write(
        6,
        "a second column soon after its table, or a body whose type is not first",
        ErrorAnswer(500, "0x80040216", "An unexpected error occurred."),
    ),
    Refusal(
        7,
        "a definition is read that was made a moment ago",
        ErrorAnswer(
            404,
            "0x80041102",
            "The entity with a name = 'tandem_company' with namemapping = 'Logical' was not found in the "
            "MetadataCache.",
        ),
        strikes=_is_read,
    ),
    Refusal(
        8,
        "rows are read of a table that was made a moment ago",
        ErrorAnswer(404, "0x80060888", "Resource not found for the segment 'tandem_companies'."),
        strikes=_is_read,
    ),
    _write(
        9,
        "a row is bound by a lookup that was made a moment ago",
        ErrorAnswer(
            400,
            "0x80048d19",
            "Error identified in Payload provided by the user for Entity :'{table}', For more information on this "
            "error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  "
            "InnerException : Microsoft.OData.ODataException: An undeclared property 'tandem_CompanyId' which only "
            "has property annotations in the payload but no property value was found in the payload.",
        ),
    ),
    _write(
        10, "the column is there", ErrorAnswer(400, "0x80047013", "An attribute with the specified name already exists")
    ),
    _write(
        11,
        "the table is there, or was deleted less than half an hour ago",
        ErrorAnswer(
            400,
            "0x80044363",
            "The schema name tandem_Company for type Entity is not unique. An Entity with same name already exists.",
        ),
    ),
    _write(
        12,
        "two definitions are written at once; nothing is made",
        ErrorAnswer(400, "0x80040237", "Operation failed due to a SQL integrity violation."),
    ),
    _write(
        13,
        "the environment takes no unmanaged customizations",
        ErrorAnswer(
            400,
            "0x80072042",
            "This environment doesn't allow unmanaged customizations. This was a choice made by your admin, and "
            "certain actions won't be available or will be view only.",
        ),
    ),
    Refusal(
        14,
        "the application is not consented to in the environment's tenant",
        ErrorAnswer(
            400,
            "0x8004f510",
            "We didn't find that application ID {application} in your Azure Active Directory (Azure AD) with "
            f"CorrelationID {SOMEBODY}. Make sure your application is registered in Azure AD.",
        ),
        strikes=_is_create,
    ),
)
