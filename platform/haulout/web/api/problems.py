"""How the interface says no: problem+json as RFC 9457 has it, which names the parameter and the reason."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NoReturn

from flask import Response, abort, request
from werkzeug.exceptions import HTTPException

from haulout.web.api.values import Value

MEDIA_TYPE = "application/problem+json"
PREFIX = "/api/"


class Wrong(Value):
    """One parameter that cannot be used."""

    parameter: str
    reason: str


class Problem(Value):
    """What went wrong; `type` is always about:blank, the status says it all."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[Wrong, ...] = ()
    """Each parameter that is wrong, and why."""


def refuse(
    status: HTTPStatus, detail: str, errors: Iterable[Wrong] = (), headers: Mapping[str, str] | None = None
) -> NoReturn:
    """Break off the request with this problem."""
    abort(answer(status, detail, errors, headers))


def absent(what: str) -> NoReturn:
    """Break off the request because there is no such thing."""
    refuse(HTTPStatus.NOT_FOUND, f"There is no {what}.")


def answer(
    status: HTTPStatus, detail: str, errors: Iterable[Wrong] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """Return the problem as a response."""
    problem = Problem(title=status.phrase, status=status.value, detail=detail, errors=tuple(errors))
    response = Response(problem.model_dump_json(), status.value, mimetype=MEDIA_TYPE)
    response.headers.update(headers or {})
    return response


def explains() -> bool:
    """Say whether this request was meant for a program."""
    return request.path.startswith(PREFIX)


def explained(error: Exception) -> Response | HTTPException:
    """Return what went wrong with a program's request, as the program reads it."""
    if not isinstance(error, HTTPException):
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "This could not be told; Haulout's log says why.")
    if error.code is None or error.response is not None:
        return error
    status = HTTPStatus(error.code)
    response = answer(status, _DETAILS.get(status) or error.description or status.phrase)
    response.headers.update({name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")})
    return response


_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address; /api lists all addresses.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This interface only reads: use GET.",
}
