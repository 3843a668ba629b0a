"""What of a request or answer belongs to the wire: forms of the token endpoint, addresses, compression, cookies."""

import gzip
from urllib.parse import parse_qsl

from sandbox.base.messages import Request, Response
from sandbox.identity import client_authentication

AFFINITY = "ARRAffinity=5d0c7a4f2e9b; path=/; secure; HttpOnly"
"""The cookie that ties a client to one web server; clients do better to drop it."""


def read_token_form(request: Request, *, older: bool) -> dict[str, str]:
    """Return the form of a token request, as the v2 endpoint takes it. Raises SignInError."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    form = client_authentication.with_basic_credentials(form, request.headers.get("authorization", ""))
    if older:
        return client_authentication.from_older(form)
    client_authentication.refuse_resource(form)
    return form


def root_address(request: Request) -> str:
    """Return the address of the Web API's root that a request used."""
    return f"{request.origin}{'/'.join(request.path.split('/')[:4])}/"


def compress(answer: Response) -> None:
    """Compress an answer's body."""
    if answer.body and answer.stream is None:
        answer.body = gzip.compress(answer.body, 1)
        answer.headers["Content-Encoding"] = "gzip"
