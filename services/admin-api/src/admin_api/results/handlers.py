"""An answer that the rules couldn't read: a person reads it, and says which choice it means."""

from admin_api.kernel.context import Office
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from admin_api.kernel.roles import Caller
from admin_api.messages.handlers.reading import visible
from admin_api.results import overrides as by_hand
from admin_api.results import store as ledger


async def choose(office: Office, who: Caller, unit: str, number: int, answer: int, choice: int | None) -> None:
    """The answer counts as `choice` from now on; None: as it was read. NotFound for an unknown message or answer,
    Conflict where no choice was asked, Unacceptable for one that isn't offered."""
    books = office.books
    async with books.engine.connect() as connection:
        message = await visible(office, connection, who, unit, number)
        known = await ledger.has_answer(connection, number, answer)
    if message.asks != "choice":
        raise Conflict("asks-no-choice", "This message asks for no choice.")
    if choice is not None and choice > len(message.choices):
        raise Unacceptable("choice", f"The message offers {len(message.choices)} choices.")
    if not known:
        raise NotFound("There is no such answer.")
    action = "answer.choice_taken_back" if choice is None else "answer.choice_set"
    detail = {"message": str(number)} | ({} if choice is None else {"choice": str(choice)})
    async with books.change(who.actor, action, f"answer/{answer}", unit=unit, detail=detail) as connection:
        if choice is None:
            await by_hand.take_back(connection, answer)
        else:
            await by_hand.put(
                connection, answer=answer, message=number, choice=choice, account=who.account, at=books.clock()
            )
