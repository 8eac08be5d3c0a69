"""Errors as RFC 9457 problem details. No answer ever repeats what came in: it may be an address or a password."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from admin_api.kernel import errors
from runtime.errors import BusUnavailable, RequestFailed, RequestRefused

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5


class FieldError(BaseModel):
    """What is wrong with one part of the request. `at` is a JSON pointer behind `body`, `query`, `path` or
    `header`."""

    at: str = Field(examples=["body/choices/0"])
    message: str = Field(examples=["String should have at least 1 character"])


class Problem(BaseModel):
    """RFC 9457. `type` is stable and what programs should decide by; `detail` is for people."""

    type: str = Field(examples=["urn:renrakumo:problem:not-found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(default=None, examples=["There is no such message."])
    errors: list[FieldError] = Field(default=[])


_TITLES: Mapping[int, str] = {
    400: "Bad request",
    401: "Signed out",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    411: "Length required",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not valid",
    500: "Internal error",
    503: "Unavailable",
}


def problem(
    status: int,
    code: str,
    detail: str | None = None,
    *,
    fields: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as an HTTP answer."""
    body = Problem(
        type=f"urn:renrakumo:problem:{code}",
        title=_TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        errors=list(fields),
    )
    return JSONResponse(body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def unavailable(detail: str) -> Response:
    """503 with Retry-After: something behind us is away, and asking again will help."""
    return problem(503, "unavailable", detail, headers={"Retry-After": str(RETRY_SECONDS)})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Error answers of a route for its OpenAPI; those that every route has come by themselves."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    everywhere = {422, 503} | set(statuses)
    return {status: {"description": _TITLES[status], "content": content} for status in sorted(everywhere)}


def _office_error(_: Request, error: Exception) -> Response:
    match error:
        case errors.Unacceptable(field=field, detail=detail):
            return problem(422, error.code, detail, fields=[FieldError(at=f"body/{field}", message=detail)])
        case errors.SignedOut(detail=detail) | errors.SignInRefused(detail=detail):
            return problem(401, error.code, detail, headers={"WWW-Authenticate": "Bearer"})
        case errors.Forbidden(detail=detail):
            return problem(403, error.code, detail)
        case errors.NotFound(detail=detail):
            return problem(404, error.code, detail)
        case errors.Conflict(code=code, detail=detail):
            return problem(409, code, detail)
    raise error


def _validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return problem(422, "not-valid", "The body is not JSON.", fields=[FieldError(at="body", message="not JSON")])
    fields = [FieldError(at=_pointer(item), message=_message(item)) for item in error.errors()]
    return problem(422, "not-valid", "Some of what was sent is not valid.", fields=fields[:50])


def _pointer(item: Mapping[str, Any]) -> str:
    # An unknown field's name is the sender's text: it is not repeated.
    place = item["loc"][:-1] if item["type"] == "extra_forbidden" else item["loc"]
    return "/".join(str(part) for part in place)


def _message(item: Mapping[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        return "There is a field that is not known here"
    return str(item["msg"]).removeprefix("Value error, ")


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _TITLES.get(error.status_code, "error").lower().replace(" ", "-")
    return problem(error.status_code, code, headers=error.headers)


def _away(_: Request, __: Exception) -> Response:
    return unavailable("The part of the system that knows this does not answer right now. Try again.")


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    return problem(409, "refused", f"Registry refused it: {error.code}.")


def install(app: FastAPI) -> None:
    """Every error of the application as a problem."""
    app.add_exception_handler(errors.OfficeError, _office_error)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(BusUnavailable, _away)
    app.add_exception_handler(RequestFailed, _away)
    app.add_exception_handler(RequestRefused, _refused)
