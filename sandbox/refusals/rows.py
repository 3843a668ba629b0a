"""Refusals 27 to 37: what is said no to while rows are read and written."""

from urllib.parse import quote

from sandbox.base.asked import Asked
from sandbox.base.messages import Response
from sandbox.refusals.answers import ErrorAnswer, Refusal, Settings, json_error, names_of

_DETAILS = "@Microsoft.PowerApps.CDS.ErrorDetails."
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_LIMITS = {
    "requests": ("0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds."),
    "execution": (
        "0x80072321",
        "Combined execution time of incoming requests exceeded limit of 1200000 milliseconds over time window of 300 "
        "seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later.",
    ),
    "concurrency": ("0x80072326", "Number of concurrent requests exceeded the limit of 52."),
}
_PAGES = {
    "gateway": (502, "502 Bad Gateway", "The server returned an invalid or incomplete response."),
    "front end": (503, "Our services aren't available right now", "We're working to restore all services."),
    "time-out": (504, "504 Gateway Time-out", "The server did not respond in time."),
    "proxy": (403, "Access Denied", "Your organization's policy does not allow this address."),
    "portal": (200, "Sign in to the network", "Please accept the terms of use of this network."),
    "unknown": (520, "Web server is returning an unknown error", "There is an unknown connection issue."),
}


def _asks_for_details(asked: Asked) -> bool:
    prefer = asked.headers.get("prefer", "")
    return "include-annotations" in prefer and ("*" in prefer or "Microsoft.PowerApps" in prefer)


def _key_taken(asked: Asked, settings: Settings) -> Response:
    message = (
        "Entity Key No. violated. A record with the same value for No. already exists. A duplicate record cannot be "
        "created. Select one or more unique values and try again."
    )
    details = {
        f"{_DETAILS}DuplicateAttributes": "<DuplicateAttributes><accountnumber>10000</accountnumber>"
        "</DuplicateAttributes>",
        f"{_DETAILS}DuplicateEntity": '{{"Attributes":{{}},"Id":"{user}","LogicalName":"{table}"}}',
    }
    given = details if _asks_for_details(asked) else {}
    return ErrorAnswer(412, "0x80060892", message, annotations=given)(asked, settings)


def _plug_in(asked: Asked, settings: Settings) -> Response:
    details = {
        f"{_DETAILS}HttpStatusCode": "400",
        f"{_DETAILS}ApiExceptionSourceKey": "Plugin/Contoso.Plugins.CheckCreditLimit, Contoso.Plugins, Version=1.0.0.0",
        f"{_DETAILS}OperationStatus": "0",
        f"{_DETAILS}SubErrorCode": "-2146233088",
        "@Microsoft.PowerApps.CDS.TraceText": "[Contoso.Plugins: CheckCreditLimit] Entered.",
        "@Microsoft.PowerApps.CDS.InnerError.Message": "The credit limit of this customer is not confirmed.",
        "@Microsoft.PowerApps.CDS.HelpLink": "http://go.microsoft.com/fwlink/?LinkID=398563",
    }
    message = "The credit limit of this customer is not confirmed."
    given = details if _asks_for_details(asked) else {}
    return ErrorAnswer(400, "0x80040265", message, annotations=given)(asked, settings)


def _limit(asked: Asked, settings: Settings) -> Response:
    code, message = _LIMITS[settings.variant]
    return ErrorAnswer(429, code, message, retry_after="5")(asked, settings)


def _page(asked: Asked, settings: Settings) -> Response:
    status, title, text = _PAGES[settings.variant]
    page = (
        f"<!DOCTYPE html>\r\n<html><head><title>{title}</title></head><body><h1>{title}</h1>"
        f"<p>{settings.message or text}</p><p>Reference: {quote(asked.shape)}</p></body></html>"
    )
    headers = {"Content-Type": "text/html; charset=utf-8", **settings.retry_header()}
    return Response(settings.status or status, page.encode(), headers)


def _is_parallel_write(asked: Asked, settings: Settings) -> bool:
    return asked.method in _WRITES and asked.writers >= settings.parallel


def _is_large(asked: Asked, settings: Settings) -> bool:
    return asked.body.count(b'"@odata.type"') > settings.rows


def _rows_gone(asked: Asked, settings: Settings) -> Response:
    names = names_of(asked, settings)
    table = names["table"].capitalize()
    message = settings.message or f"{table} With Ids = {names['ids']} Do Not Exist"
    return json_error(settings.status or 404, {"code": settings.code or "0x80040217", "message": message})


_SQL = "CRM ErrorCode: {crm} Sql ErrorCode: -2146232060 Sql Number: {sql}"

REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        27,
        "the row that a lookup or the owner names is gone",
        ErrorAnswer(404, "0x80040217", "systemuser With Id = {id} Does Not Exist"),
    ),
    Refusal(28, "UpdateMultiple names rows that are gone", _rows_gone),
    Refusal(29, "another row has the values of an alternate key", _key_taken),
    Refusal(
        30,
        "a duplicate detection rule finds another row",
        ErrorAnswer(
            412,
            "0x80040333",
            "A record was not created or updated because a duplicate of the current record already exists.",
        ),
    ),
    Refusal(31, "a plug-in or business rule of the environment says no", _plug_in),
    Refusal(
        32,
        "the row is closed",
        ErrorAnswer(400, "0x80040230", "The object cannot be updated because it is inactive."),
    ),
    Refusal(
        33,
        "`parallel` requests (2) write rows of one table at once",
        ErrorAnswer(500, "0x80044150", "Sql error: Generic SQL error. " + _SQL.format(crm="-2147204784", sql="1205")),
        strikes=_is_parallel_write,
    ),
    Refusal(
        34,
        "a bulk message has more than `rows` rows",
        ErrorAnswer(500, "0x80044151", "Sql error: SQL timeout expired. " + _SQL.format(crm="-2147204783", sql="-2")),
        strikes=_is_large,
    ),
    Refusal(35, "a service protection limit is exceeded", _limit, variants=tuple(_LIMITS)),
    Refusal(
        36,
        "the database is full",
        ErrorAnswer(500, "0x80072325", "The storage limit for the database has been met."),
        strikes=lambda asked, _: asked.method == "POST",
    ),
    Refusal(37, "something between answers with a page", _page, variants=tuple(_PAGES)),
)
