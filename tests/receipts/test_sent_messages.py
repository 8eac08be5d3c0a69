"""What is being answered is looked up once for many replies."""

from receipts.model import SentMessage
from receipts.sent_messages import SentMessages

HELLO = SentMessage("text", (), "件名", "本文")


class Office:
    """Knows one message; counts how often it was asked."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], SentMessage] = {}
        self.asked = 0

    async def __call__(self, unit: str, message: int) -> SentMessage | None:
        self.asked += 1
        return self.known.get((unit, message))


async def test_a_thousand_replies_to_one_message_ask_the_office_once_in_a_while() -> None:
    office, now = Office(), [0.0]
    office.known["minami", 1] = HELLO
    sent = SentMessages(office, now=lambda: now[0])
    assert [await sent.get("minami", 1) for _ in range(1000)] == [HELLO] * 1000
    assert office.asked == 1
    now[0] = 3600.0
    assert await sent.get("minami", 1) == HELLO
    assert office.asked == 2


async def test_another_unit_s_message_is_another_and_an_unknown_one_is_looked_for_each_time() -> None:
    office = Office()
    office.known["minami", 1] = HELLO
    sent = SentMessages(office)
    assert await sent.get("minami", 1) == HELLO
    assert await sent.get("kita", 1) is None
    office.known["kita", 1] = HELLO
    assert await sent.get("kita", 1) == HELLO


async def test_so_many_messages_are_remembered_and_no_more() -> None:
    office = Office()
    office.known.update({("minami", number): HELLO for number in range(300)})
    sent = SentMessages(office)
    for number in range(300):
        await sent.get("minami", number)
    await sent.get("minami", 299)
    assert office.asked == 300
    await sent.get("minami", 0)
    assert office.asked == 301
