"""The latest news (F7): the answer to an empty mail from anybody."""

from board.model import CalendarEvent, Day, News, Notice, written_day, written_moment
from responder.texts.base import Scope, Text, compose, paragraphs

_LONGEST_BODY = 600


def latest(scope: Scope, news: News) -> Text:
    """Newest notices, then today's and tomorrow's events; a friendly word when there is nothing."""
    group = f"\n（{scope.group_name or scope.group}）" if scope.group else ""
    opening = f"{scope.unit_name}{group}\n最新のお知らせです。\n{written_moment(news.now)} 現在"
    if news.empty:
        japanese = paragraphs(
            opening,
            "いまお伝えするお知らせはありません。\n今日と明日の予定も入っていません。",
            "新しいお知らせが出たかどうかは、\nいつでもこのアドレスに空メールを送って\n確かめられます。",
        )
        english = f"There is no news of {scope.unit_name} now, and nothing is planned for today and tomorrow."
        return compose(scope, "最新のお知らせ", japanese, english)
    notices = ["■ お知らせ", *(_notice(notice) for notice in news.notices)] if news.notices else []
    japanese = paragraphs(opening, *notices, *(_day(day) for day in news.days))
    english = (
        f"Latest news of {scope.unit_name}: {len(news.notices)} notice(s), "
        f"{len(news.days[0].events)} event(s) today, {len(news.days[1].events)} tomorrow (see above)."
    )
    return compose(scope, "最新のお知らせ", japanese, english)


def _notice(notice: Notice) -> str:
    body = notice.body.strip()
    if len(body) > _LONGEST_BODY:
        body = f"{body[:_LONGEST_BODY].rstrip()}…（以下省略）"
    return f"◆ {notice.title}\n（{written_moment(notice.published_at)}）\n{body}"


def _day(day: Day) -> str:
    lines = [f"■ {day.label} {written_day(day.date)}"]
    for event in day.events:
        lines.extend(_event(event))
    return "\n".join(lines if day.events else [*lines, "予定はありません。"])


def _event(event: CalendarEvent) -> list[str]:
    start = f"{event.starts_at.hour}:{event.starts_at.minute:02} " if event.starts_at else ""
    place = f"（{event.place}）" if event.place else ""
    return [f"・{start}{event.title}{place}", *(f"　{line}" for line in event.note.splitlines() if line.strip())]
