"""The body of an answer, read from the wire within a deadline and up to a size."""

import http.client
import time

import requests
import urllib3

from dataverse.errors import InvalidAnswer

CHUNK_BYTES = 1 << 20
MAX_ANSWER_BYTES = 512 * CHUNK_BYTES


def read_body(response: requests.Response, deadline: float) -> bytes:
    """Return the whole body, read within the deadline (monotonic clock): each wait is as long as the time left.

    Raises requests' exceptions for a body that is cut off or late, InvalidAnswer for one that is too large.
    """
    chunks: list[bytes] = []
    size = 0
    connection = getattr(response.raw, "connection", None)
    while True:
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            raise requests.exceptions.ReadTimeout("the answer took too long")
        socket = getattr(connection, "sock", None)
        if socket is not None:
            socket.settimeout(seconds_left)
        try:
            # read1 waits for the network once at most, where read would wait until all is there.
            chunk = response.raw.read1(CHUNK_BYTES, decode_content=True)
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            raise requests.exceptions.ReadTimeout(error) from None
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise requests.exceptions.ConnectionError(error) from None
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise InvalidAnswer(
                f"An answer of Dataverse has more than {MAX_ANSWER_BYTES >> 20} MB, so it was not read further.",
                "Check the Environment URL.",
            )
