"""Questions of the office, from the bus to plain calls and back. Any process of registry answers."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from contracts import requests
from registry import handlers
from registry.context import Context
from registry.settings import SERVICE
from runtime.bus.client import Bus

Q = TypeVar("Q", bound=BaseModel)


async def serve(bus: Bus, context: Context) -> None:
    """Answer all questions from now on."""

    async def on(subject: str, ask: type[Q], handler: Callable[[Context, Q], Awaitable[BaseModel]]) -> None:
        async def answer(question: Q) -> BaseModel:
            return await handler(context, question)

        await bus.serve(subject, ask, answer, queue=SERVICE)

    await on(requests.MEMBERS, requests.MembersAsk, handlers.questions.page)
    await on(requests.NAMES, requests.NamesAsk, handlers.questions.names)
    await on(requests.AUDIENCE, requests.AudienceAsk, handlers.questions.audience)
    await on(requests.POST, requests.PostAsk, handlers.questions.post)
    await on(requests.POSTERS, requests.PostersAsk, handlers.posters.posters)
