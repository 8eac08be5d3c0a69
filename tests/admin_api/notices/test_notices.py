"""Notices that are published are what the public views show."""

from board.memory import BoardMemory
from board.model import japanese_day, news_of
from board.store import BoardStore
from runtime.database.engine import create_engine
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"


async def test_a_notice_appears_in_public_and_goes_again(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    notice = await api.client.post(f"{U}/notices", json={"title": "体育館", "body": "雨です。"}, headers=headers)
    assert notice.status_code == 201
    (row,) = await api.sql("SELECT title, published_at FROM office.public_notices", role="responder")
    assert (row["title"], row["published_at"]) == ("体育館", api.clock.now)
    (shown,) = (await api.client.get(f"{U}/notices", headers=headers)).json()["items"]
    assert shown == notice.json()
    assert (await api.client.delete(f"{U}/notices/{shown['id']}", headers=headers)).status_code == 204
    assert await api.sql("SELECT id FROM office.public_notices") == []


async def test_a_notice_of_a_group_says_so(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"title": "体育館", "body": "雨です。", "group": "xx1"}
    assert (await api.client.post(f"{U}/notices", json=body, headers=headers)).json()["group"] == "xx1"
    (row,) = await api.sql("SELECT group_code FROM office.public_notices", role="info_site")
    assert row["group_code"] == "xx1"
    assert (await api.client.post(f"{U}/notices", json={**body, "group": "nope"}, headers=headers)).status_code == 422


async def test_a_closed_unit_is_not_shown(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.post(f"{U}/notices", json={"title": "体育館", "body": "雨です。"}, headers=headers)
    operator = await api.as_("operator", None)
    await api.client.patch(U, json={"active": False}, headers=operator)
    assert await api.sql("SELECT id FROM office.public_notices") == []
    assert [row["unit"] for row in await api.sql("SELECT unit FROM office.public_units")] == ["momo"]


async def test_what_the_office_enters_is_what_the_board_says(api: AdminApi) -> None:
    engine = create_engine(api.databases.general_url("responder"), service="test")
    boards = BoardMemory(BoardStore(engine, with_groups=True), clock=api.clock, every=60)
    headers = await api.as_("administrator")

    async def said() -> list[str]:
        await boards.refresh()
        board = await boards.board("sakura")
        assert board is not None
        news = news_of(board, api.clock(), newest=9, group="xx1")
        today = [event.title for event in news.days[0].events]
        return [board.name, *(notice.title for notice in news.notices), *today]

    assert await said() == ["さくら小学校"]
    notice = await api.client.post(f"{U}/notices", json={"title": "体育館", "body": "雨です。"}, headers=headers)
    assert await said() == ["さくら小学校", "体育館"]
    today = {"title": "運動会", "starts_on": japanese_day(api.clock()).isoformat(), "group": "xx1"}
    event = await api.client.post(f"{U}/events", json=today, headers=headers)
    assert await said() == ["さくら小学校", "体育館", "運動会"]
    await api.client.delete(f"{U}/notices/{notice.json()['id']}", headers=headers)
    assert await said() == ["さくら小学校", "運動会"]
    await api.client.delete(f"{U}/events/{event.json()['id']}", headers=headers)
    operator = await api.as_("operator", None)
    await api.client.patch(U, json={"name": "さくら中学校"}, headers=operator)
    assert await said() == ["さくら中学校"]
    await api.client.patch(U, json={"active": False}, headers=operator)
    await boards.refresh()
    assert await boards.board("sakura") is None
    await engine.dispose()
