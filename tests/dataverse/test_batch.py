"""$batch there and back."""

from email.parser import BytesParser
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataverse import batch
from dataverse.errors import InvalidAnswer
from dataverse.types import Request

ROOT = "/api/data/v9.2/"
json_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def answer(
    parts: list[tuple[int, dict[str, str], bytes]], mark: str = "batchresponse_1", newline: bytes = b"\r\n"
) -> bytes:
    lines: list[bytes] = []
    for status, headers, body in parts:
        lines += [f"--{mark}".encode(), b"Content-Type: application/http", b"Content-Transfer-Encoding: binary", b""]
        lines += [
            f"HTTP/1.1 {status} Whatever".encode(),
            *(f"{n}: {v}".encode() for n, v in headers.items()),
            b"",
            body,
        ]
    return newline.join([*lines, f"--{mark}--".encode(), b""])


@given(st.lists(st.dictionaries(json_text, json_text | st.integers() | st.none()), min_size=1, max_size=5))
def test_a_mail_parser_reads_every_request_of_the_body(bodies: list[dict[str, Any]]) -> None:
    requests = [
        Request("POST", "accounts", body, {"If-Match": "*"}) if index % 2 else Request("GET", "accounts?$select=name")
        for index, body in enumerate(bodies)
    ]
    encoded = batch.encode(requests, root=ROOT, boundary="batch_1")
    message = BytesParser().parsebytes(b'Content-Type: multipart/mixed; boundary="batch_1"\r\n\r\n' + encoded)
    found = message.get_payload()
    assert isinstance(found, list)
    assert len(found) == len(requests)
    for request, part in zip(requests, found, strict=True):
        assert part.get_content_type() == "application/http"
        head, _, body = part.get_payload(decode=True).partition(b"\r\n\r\n")
        assert head.startswith(f"{request.method} {ROOT}{request.path} HTTP/1.1\r\n".encode())
        if request.body is not None:
            length = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
            assert msgspec.json.decode(body[:length]) == request.body


@given(
    st.lists(st.tuples(st.sampled_from([200, 204, 404, 412]), st.binary(max_size=60)), min_size=1, max_size=6),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_answers_are_decoded_in_order(parts: list[tuple[int, bytes]], newline: bytes) -> None:
    clean = [(status, body.replace(b"\r", b"").replace(b"\n", b"").replace(b"-", b"")) for status, body in parts]
    body = answer([(status, {"ETag": f'W/"{i}"'}, text) for i, (status, text) in enumerate(clean)], newline=newline)
    decoded = batch.decode(body, 'multipart/mixed; boundary="batchresponse_1"')
    assert [(part.status, part.body) for part in decoded] == clean
    assert [part.headers["etag"] for part in decoded] == [f'W/"{i}"' for i in range(len(clean))]


def test_a_boundary_inside_a_line_does_not_end_a_part() -> None:
    body = answer([(200, {}, b'{"name":"a --batchresponse_1 b"}')])
    assert (
        batch.decode(body, "multipart/mixed; boundary=batchresponse_1")[0].body == b'{"name":"a --batchresponse_1 b"}'
    )


@pytest.mark.parametrize("length", [10, 60, -4])
def test_a_truncated_answer_is_an_error_with_unknown_outcome(length: int) -> None:
    body = answer([(204, {}, b""), (204, {}, b"")]).rstrip()[:length]
    with pytest.raises(InvalidAnswer) as refused:
        batch.decode(body, "multipart/mixed; boundary=batchresponse_1")
    assert refused.value.outcome_unknown


def test_an_answer_of_another_kind_is_an_error() -> None:
    with pytest.raises(InvalidAnswer):
        batch.decode(b"{}", "application/json")


@pytest.mark.parametrize(
    "request_",
    [Request("GET", "accounts HTTP/1.1\r\nHost: x"), Request("GET", "accounts", headers={"If-Match": "a\r\nb: c"})],
)
def test_a_path_or_header_with_a_line_break_is_refused(request_: Request) -> None:
    with pytest.raises(ValueError, match="line break"):
        batch.encode([request_], root=ROOT, boundary="b")


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_takes_one_to_a_thousand_requests(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        batch.encode([Request("GET", "WhoAmI")] * count, root=ROOT, boundary="b")
