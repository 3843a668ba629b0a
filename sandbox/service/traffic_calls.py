"""Control calls about how much is let in, and how long it takes."""

from sandbox.base.limits import Limits
from sandbox.base.messages import Request, Response
from sandbox.environment import Environment, Latency
from sandbox.service.control_bodies import check_names, json_answer, read_number, read_object


def get_limits(environment: Environment) -> Response:
    """Answer the service protection limits."""
    limits = environment.protection.limits
    return json_answer(
        {
            "requests": limits.requests,
            "window_s": limits.window_s,
            "execution_s": limits.execution_s,
            "concurrency": limits.concurrency,
        }
    )


def set_limits(environment: Environment, request: Request) -> Response:
    """Set limits; what users did so far is forgotten. Raises InvalidCall."""
    given = read_object(request)
    check_names(given, "requests", "window_s", "execution_s", "concurrency")
    now = environment.protection.limits
    environment.protection.limits = Limits(
        requests=int(read_number(given, "requests", now.requests)),
        window_s=read_number(given, "window_s", now.window_s),
        execution_s=read_number(given, "execution_s", now.execution_s),
        concurrency=int(read_number(given, "concurrency", now.concurrency)),
    )
    environment.protection.forget_usage()
    return get_limits(environment)


def get_latency(environment: Environment) -> Response:
    """Answer how long requests take at least."""
    latency = environment.latency
    return json_answer(
        {
            "request_ms": latency.request_ms,
            "row_read_ms": latency.row_read_ms,
            "row_write_ms": latency.row_write_ms,
        }
    )


def set_latency(environment: Environment, request: Request) -> Response:
    """Set how long requests take at least. Raises InvalidCall."""
    given = read_object(request)
    check_names(given, "request_ms", "row_read_ms", "row_write_ms")
    now = environment.latency
    environment.latency = Latency(
        read_number(given, "request_ms", now.request_ms),
        read_number(given, "row_read_ms", now.row_read_ms),
        read_number(given, "row_write_ms", now.row_write_ms),
    )
    return get_latency(environment)
