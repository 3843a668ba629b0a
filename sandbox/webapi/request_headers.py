"""Headers of a request that decide whether it is answered at all; pure."""

from collections.abc import Mapping

from sandbox.base.errors import ServiceError, not_covered

_JSON_TYPES = frozenset({"application/json", "text/json"})
_FORMATS = ("json", "*/*", "application/*", "multipart/mixed", "text/plain")
_NOT_COVERED = {
    "mscrmcallerid": "acting on behalf of another user",
    "callerobjectid": "acting on behalf of another user",
    "x-http-method": "another method in a header",
    "x-http-method-override": "another method in a header",
    "x-ms-transfer-mode": "files sent in pieces",
    "partitionid": "partitions of elastic tables",
}


def check(method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
    """Raise ServiceError for what the service refuses (a body that is no JSON) or the sandbox does not know."""
    for name, feature in _NOT_COVERED.items():
        if name in headers:
            raise not_covered(feature)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise not_covered("a compressed request body")
    if "respond-async" in headers.get("prefer", ""):
        raise not_covered("the preference respond-async")
    for name in ("odata-version", "odata-maxversion"):
        if headers.get(name, "4.0").strip() not in {"4.0", "4.01"}:
            raise not_covered(f"{name} {headers[name]}")
    accepted = headers.get("accept", "*/*")
    written = (*_FORMATS, "xml") if path == "$metadata" else _FORMATS
    if not any(word in accepted for word in written):
        raise not_covered(f"answers in the format {accepted}")
    if body and method in {"POST", "PATCH", "PUT"}:
        check_content_type(headers.get("content-type", ""))


def check_content_type(given: str) -> None:
    """Raise 415 for a body that does not say that it is JSON."""
    if given.partition(";")[0].strip().lower() not in _JSON_TYPES:
        raise ServiceError(
            415,
            "0x80060888",
            "A supported MIME type could not be found that matches the content type of the request. None of the "
            "supported type(s) 'application/json;odata.metadata=minimal;odata.streaming=true, application/json' "
            f"matches the content type '{given}'.",
        )
