"""What a phone shows: today, tomorrow and the notices, from memory, whatever becomes of database and bus."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from board.model import Board, CalendarEvent, Notice
from info_site.model import SHOWN_NOTICES
from runtime.errors import TransientError
from tests.info_site.conftest import NOW, Site


def notice(
    title: str,
    *,
    number: int = 1,
    at: datetime = NOW - timedelta(hours=1),
    body: str = "本文",
    expires_at: datetime | None = None,
) -> Notice:
    return Notice(number, title, body, at, expires_at)


async def test_today_and_tomorrow_are_japans(site: Site) -> None:
    events = (
        CalendarEvent(1, date(2026, 4, 7), "昨日の会"),
        CalendarEvent(
            2, date(2026, 4, 8), "入学式", starts_at=time(10, 0), place="体育館", note="上履きをお持ちください"
        ),
        CalendarEvent(3, date(2026, 4, 8), "朝の会", starts_at=time(8, 30)),
        CalendarEvent(4, date(2026, 4, 6), "交通安全週間", ends_on=date(2026, 4, 9)),
        CalendarEvent(5, date(2026, 4, 9), "給食開始"),
        CalendarEvent(6, date(2026, 4, 10), "遠足"),
    )
    await site.show(aoba=Board("あおば小学校", events=events))
    page = (await site.http.get("/aoba/")).text
    today, tomorrow = page.split("<h2>")[1:3]
    assert "今日 4月8日(水)" in today
    assert "明日 4月9日(木)" in tomorrow
    assert [title in today for title in ("入学式", "朝の会", "交通安全週間", "給食開始")] == [True, True, True, False]
    assert today.index("交通安全週間") < today.index("朝の会") < today.index("10:00 入学式（体育館）")
    assert "上履きをお持ちください" in today
    assert "給食開始" in tomorrow
    assert "昨日の会" not in page
    assert "遠足" not in page


async def test_midnight_in_japan_turns_the_page_without_reading_again(site: Site) -> None:
    await site.show(aoba=Board("あおば小学校", events=(CalendarEvent(1, date(2026, 4, 9), "給食開始"),)))
    site.source.away = True
    site.now = datetime(2026, 4, 8, 14, 59, tzinfo=UTC)
    assert "今日 4月8日(水)" in (await site.http.get("/aoba/")).text
    site.now = datetime(2026, 4, 8, 15, 0, tzinfo=UTC)
    page = (await site.http.get("/aoba/")).text
    assert "給食開始" in page.split("<h2>")[1]


async def test_notices_in_force_are_shown_newest_first(site: Site) -> None:
    notices = (
        notice("古い", number=1, at=NOW - timedelta(days=2)),
        notice("新しい", number=2),
        notice("まだ", number=3, at=NOW + timedelta(minutes=1)),
        notice("終わった", number=4, expires_at=NOW),
    )
    await site.show(aoba=Board("あおば小学校", notices))
    page = (await site.http.get("/aoba/")).text
    assert page.index("新しい") < page.index("古い")
    assert "まだ" not in page
    assert "終わった" not in page
    assert "4月8日(水) 00:30" in page


async def test_a_school_that_writes_much_does_not_make_the_page_endless(site: Site) -> None:
    many = tuple(notice(f"第{number}号", number=number, at=NOW - timedelta(hours=number)) for number in range(1, 60))
    await site.show(aoba=Board("あおば小学校", many))
    page = (await site.http.get("/aoba/")).text
    assert page.count("<article>") == SHOWN_NOTICES
    assert "第1号" in page


async def test_what_a_teacher_writes_is_text_and_never_code(site: Site) -> None:
    attack = "<script>alert(1)</script>"
    event = CalendarEvent(1, date(2026, 4, 8), attack, note=attack, place=attack)
    await site.show(aoba=Board(attack, (notice(attack, body=attack + "\n次の行"),), (event,)))
    answer = await site.http.get("/aoba/")
    assert "<script" not in answer.text
    assert answer.text.count("&lt;script&gt;") == 7
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_pages_stay_while_the_database_is_away(site: Site) -> None:
    await site.show(aoba=Board("あおば小学校", (notice("休校です"),)))
    site.source.away = True
    await site.boards.refresh()
    answer = await site.http.get("/aoba/")
    assert answer.status_code == 200
    assert "休校です" in answer.text
    await site.boards.check()
    await site.show(aoba=Board("あおば小学校", (notice("再開します"),)))
    assert "再開します" in (await site.http.get("/aoba/")).text


async def test_before_the_first_reading_the_page_asks_for_patience(site: Site) -> None:
    site.source.away = True
    await site.boards.refresh()
    answer = await site.http.get("/aoba/")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "少し待って" in answer.text
    with pytest.raises(TransientError, match="boards_not_loaded_yet"):
        await site.boards.check()


@pytest.mark.parametrize("path", ["/midori/", "/1/", "/AOBA/", "/favicon.ico", "/aoba/x/y", "/u/aoba/r-short", "/docs"])
async def test_an_unknown_page_is_a_friendly_404(site: Site, path: str) -> None:
    await site.show(aoba=Board("あおば小学校"))
    answer = await site.http.get(path, follow_redirects=True)
    assert answer.status_code == 404
    assert "アドレスをもう一度お確かめください" in answer.text
    assert "Page not found" in answer.text


async def test_an_address_without_its_slash_leads_to_the_page(site: Site) -> None:
    await site.show(aoba=Board("あおば小学校"))
    answer = await site.http.get("/aoba", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/aoba/")
    assert (await site.http.head("/aoba/")).status_code == 200
    assert (await site.http.get("/")).status_code == 200


async def test_a_quiet_day_says_so(site: Site) -> None:
    await site.show(aoba=Board("あおば小学校"))
    page = (await site.http.get("/aoba/")).text
    assert page.count("予定はありません") == 2
    assert "新しいお知らせはありません" in page
