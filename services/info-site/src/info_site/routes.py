"""Pages over HTTP: a unit's board, and unsubscribing with one click (RFC 8058).

Everything works without JavaScript. Following a link changes nothing, since mail scanners follow every link: only the
POST unsubscribes.
"""

import re
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from contracts.base import UNIT_PATTERN
from info_site import handlers
from info_site.context import Context
from info_site.model import headed, published
from runtime.errors import TransientError

_TOKEN = re.compile(r"r-[a-z2-7]{48}")
_UNIT = re.compile(UNIT_PATTERN)
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_READING = ["GET", "HEAD"]
_TEMPLATES = Path(__file__).parent / "templates"


def create_app(context: Context) -> FastAPI:
    """The web application."""
    app = FastAPI(title="Renrakumo info site", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Jinja2Templates(_TEMPLATES)
    templates.env.filters |= {"headed": headed, "published": published}

    def show(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
        return templates.TemplateResponse(request, template, values, status_code=status, headers=_SECURITY)

    def say(request: Request, status: int, title: str, text: str) -> HTMLResponse:
        return show(request, "message.html", status, title=title, text=text)

    @app.exception_handler(HTTPException)
    async def _failed(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return say(request, status, "ページがありません", "アドレスをもう一度お確かめください。 / Page not found.")

    def try_again(request: Request, title: str, text: str) -> HTMLResponse:
        answer = say(request, 503, title, text)
        answer.headers["Retry-After"] = "10"
        return answer

    @app.api_route("/", methods=_READING)
    async def front(request: Request) -> Response:
        return say(
            request,
            200,
            "連絡網",
            "学校からお知らせしたアドレスを開いてください。 / Please open your school's address.",
        )

    @app.api_route("/{unit}", methods=_READING)
    async def without_slash(unit: str) -> Response:
        if not _UNIT.fullmatch(unit):
            raise HTTPException(404)
        return RedirectResponse(f"/{unit}/", 301)

    @app.api_route("/{unit}/", methods=_READING)
    async def board(request: Request, unit: str) -> Response:
        try:
            page = await handlers.page(context, unit)
        except TransientError:
            return try_again(request, "準備中です", "少し待ってから、もう一度開いてください。 / Please try again soon.")
        if page is None:
            raise HTTPException(404)
        return show(request, "board.html", page=page)

    @app.api_route("/u/{unit}/{token}", methods=_READING)
    async def ask(request: Request, unit: str, token: str) -> Response:
        _known_form(unit, token)
        return show(request, "unsubscribe.html")

    @app.post("/u/{unit}/{token}")
    async def unsubscribed(request: Request, unit: str, token: str) -> Response:
        _known_form(unit, token)
        try:
            await handlers.unsubscribe(context, unit, token.lower())
        except TransientError:
            return try_again(
                request, "ただいま混み合っています", "少し待ってから、もう一度押してください。 / Please try again."
            )
        return say(
            request,
            200,
            "解除を受け付けました",
            "まもなく配信が止まります。確認のメールをお送りします。 / You have been unsubscribed.",
        )

    return app


def _known_form(unit: str, token: str) -> None:
    if not (_UNIT.fullmatch(unit) and _TOKEN.fullmatch(token.lower())):
        raise HTTPException(404)
