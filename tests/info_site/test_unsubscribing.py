"""One click unsubscribes (RFC 8058), and only a click: scanners follow every link."""

from contracts.events import InboundUnsubscribe
from tests.info_site.conftest import NOW, Site

TOKEN = "r-" + "a2" * 24
ADDRESS = f"/u/aoba/{TOKEN}"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def test_following_the_link_never_unsubscribes(site: Site) -> None:
    for _ in range(3):
        page = await site.http.get(ADDRESS)
        assert page.status_code == 200
        assert '<form method="post">' in page.text
    assert (await site.http.head(ADDRESS)).status_code == 200
    assert site.bus.messages == []


async def test_the_button_and_the_mail_program_say_it_on_the_bus(site: Site) -> None:
    answer = await site.http.post(ADDRESS, data=ONE_CLICK)
    assert answer.status_code == 200
    assert "解除を受け付けました" in answer.text
    (said,) = site.bus.events(InboundUnsubscribe)
    assert (said.unit, said.token, said.occurred_at) == ("aoba", TOKEN, NOW)


async def test_pressing_twice_is_one_event(site: Site) -> None:
    await site.http.post(ADDRESS, data=ONE_CLICK)
    await site.http.post(ADDRESS.replace(TOKEN, TOKEN.upper()), data=ONE_CLICK)
    assert [event.id for event in site.bus.events(InboundUnsubscribe)] == [f"unsubscribe-aoba-{TOKEN}"]


async def test_it_works_before_the_boards_are_there(site: Site) -> None:
    site.source.away = True
    assert (await site.http.post(ADDRESS, data=ONE_CLICK)).status_code == 200


async def test_while_the_bus_is_away_the_page_asks_to_press_again(site: Site) -> None:
    site.bus.away = True
    answer = await site.http.post(ADDRESS, data=ONE_CLICK)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "もう一度押してください" in answer.text
    site.bus.away = False
    assert (await site.http.post(ADDRESS, data=ONE_CLICK)).status_code == 200


async def test_before_there_is_a_bus_the_page_asks_to_press_again() -> None:
    site = Site()
    try:
        assert (await site.http.post(ADDRESS, data=ONE_CLICK)).status_code == 503
    finally:
        await site.http.aclose()


async def test_what_cannot_be_a_token_is_not_said_on_the_bus(site: Site) -> None:
    for address in ("/u/aoba/r-short", f"/u/A!/{TOKEN}", f"/u/aoba/b{TOKEN[1:]}", f"/u/aoba/{TOKEN}a"):
        assert (await site.http.post(address, data=ONE_CLICK)).status_code == 404
    assert site.bus.messages == []
