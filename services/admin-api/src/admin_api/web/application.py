"""The web application: all routes, errors as problems, and an OpenAPI that says both."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from admin_api.accounts import routes as accounts
from admin_api.audit import routes as audit
from admin_api.calendar import routes as calendar
from admin_api.carriers import routes as carriers
from admin_api.commands import routes as commands
from admin_api.dead_letters import routes as dead_letters
from admin_api.kernel.context import Context
from admin_api.members import routes as members
from admin_api.messages import routes as messages
from admin_api.notices import routes as notices
from admin_api.posts import routes as posts
from admin_api.results import routes as results
from admin_api.units import routes as units
from admin_api.web import problems
from admin_api.web.middleware import Guard

_FEATURES = (
    accounts,
    units,
    members,
    commands,
    messages,
    results,
    notices,
    calendar,
    posts,
    audit,
    carriers,
    dead_letters,
)
_ABOUT = """The administrators' side of Renrakumo.

Sign in with `POST /v1/session`; browsers then have a cookie, programs send the token as `Authorization: Bearer`.
Numbers are opaque and travel as decimal strings. Errors are RFC 9457 problem details. Members are numbers here (with
names where the unit has that option); no answer ever holds a member's address."""

_TAGS = (
    ("session", "Signing in and out"),
    ("units", "Schools, nurseries, PTAs: the tenants"),
    ("groups", "Small groups of a unit, and their secret post addresses"),
    ("members", "People, without their addresses"),
    ("posters", "Who may post from a phone"),
    ("commands", "What has come of changes of members and groups, and taking them back"),
    ("messages", "What goes out"),
    ("results", "Who got it, who answered what"),
    ("news", "Notices and calendar, which anybody may read"),
    ("carriers", "How fast mail goes out, carrier by carrier"),
    ("dead letters", "What could not be processed, and what is to become of it"),
    ("audit", "Who did what"),
)


def build(context: Context, *, cookie_secure: bool) -> FastAPI:
    """The application whose handlers are given this context."""
    app = bare()
    app.state.context = context
    app.state.cookie_secure = cookie_secure
    return app


def bare() -> FastAPI:
    """The application without a context behind it: enough to say what it offers."""
    app = FastAPI(
        title="Renrakumo office",
        version="1",
        description=_ABOUT,
        openapi_tags=[{"name": name, "description": description} for name, description in _TAGS],
        generate_unique_id_function=_operation,
        redoc_url=None,
    )
    for feature in _FEATURES:
        app.include_router(feature.router)
    problems.install(app)
    app.add_middleware(Guard)
    _complete_openapi(app)
    return app


def _operation(route: APIRoute) -> str:
    return route.name


def _complete_openapi(app: FastAPI) -> None:
    """Errors are `Problem`s, not FastAPI's own shape."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            schemas = schema["components"]["schemas"]
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs"))
            schemas["Problem"] = problem
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # how FastAPI's documentation extends a schema
