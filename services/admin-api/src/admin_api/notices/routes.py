"""/v1/units/{unit}/notices, /events, /post-attempts, /audit, and the check of the whole audit log."""

from datetime import date, time
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from admin_api.audit.store import AuditRow
from admin_api.kernel.authentication import explain_attempt
from admin_api.kernel.roles import plain_line, plain_text
from admin_api.notices import handlers as board
from admin_api.notices.store import CalendarEvent, Notice
from admin_api.web.access import AuditReader, NewsChanger, NewsReader, OfficeHere, UnitManager
from admin_api.web.problems import documented
from admin_api.web.types import (
    AfterQuery,
    AuthenticationView,
    Body,
    ExplanationView,
    GroupText,
    LimitQuery,
    Line,
    Moment,
    Number,
    NumberPath,
    Page,
    PlainText,
    UnitPath,
    View,
)

router = APIRouter(prefix="/v1")

Day = Annotated[date, Field(ge=date(2000, 1, 1), lt=date(2200, 1, 1), examples=["2026-05-30"])]


class NewNotice(Body):
    """`group` null: for the whole unit. Anybody can read it."""

    title: Annotated[Line, Field(max_length=100, examples=["運動会は体育館で行います"])]
    body: Annotated[PlainText, Field(max_length=10_000, examples=["雨のため、会場を体育館に変更します。"])]
    group: GroupText | None = None
    published_at: Moment | None = None
    expires_at: Moment | None = None


class NoticeView(View):
    """`message`: the broadcast that it came from."""

    id: Number
    group: str | None
    title: str
    body: str
    published_at: Moment
    expires_at: Moment | None
    message: Number | None


class NewEvent(Body):
    """Days and times are Japan's. `ends_on` is the last day, null for one day."""

    title: Annotated[Line, Field(max_length=100, examples=["運動会"])]
    starts_on: Day
    ends_on: Day | None = None
    starts_at: Annotated[time | None, Field(examples=["08:30:00"])] = None
    group: GroupText | None = None
    note: Annotated[str, Field(max_length=2000)] = ""
    place: Annotated[str, Field(max_length=100, examples=["校庭"])] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError("it ends before it starts")
        if self.starts_at is not None and self.starts_at.tzinfo is not None:
            raise ValueError("starts_at is a time of day in Japan, without a zone")
        return self


class EventView(View):
    id: Number
    group: str | None
    starts_on: date
    ends_on: date | None
    starts_at: time | None
    title: str
    note: str
    place: str


class PostAttemptView(View):
    """A mail to a group's secret post address that was refused, or with the reason `guessed` so many `tries` at an
    address that isn't it. `explanation` says the reason in words. Who wrote is not kept; `authentication` is what his
    mail showed of its origin, where that was looked at."""

    id: Number
    group: str
    reason: Annotated[str, Field(examples=["not_enrolled"])]
    at: Moment
    tries: int
    explanation: ExplanationView | None
    authentication: AuthenticationView | None


class AuditView(View):
    """Who did what. `actor` is an account, a member (by mail) or the command line."""

    id: Number
    at: Moment
    actor: Annotated[str, Field(examples=["account/7530867458329124481"])]
    action: Annotated[str, Field(examples=["message.sent"])]
    object: Annotated[str, Field(examples=["message/7530867474440882994"])]
    detail: dict[str, str | int | bool | list[str] | None]


class AuditCheck(View):
    """`intact`: every row fits to the one before it; else `broken_at` is the first that doesn't. `head` is the hash of
    the last row, which stands in the logs, too."""

    intact: bool
    rows: int
    broken_at: Number | None
    head: str


@router.get("/units/{unit}/notices", tags=["news"], summary="Notices", responses=documented(401, 403, 404))
async def list_notices(
    unit: UnitPath, _: NewsReader, office: OfficeHere, after: AfterQuery = None, limit: LimitQuery = 50
) -> Page[NoticeView]:
    found = await board.notices(office.books, unit, before=after, limit=limit + 1)
    shown = found[:limit]
    return Page[NoticeView](
        items=[_notice(notice) for notice in shown], next=shown[-1].id if len(found) > limit else None
    )


@router.post(
    "/units/{unit}/notices",
    status_code=201,
    tags=["news"],
    summary="Publish a notice",
    responses=documented(401, 403, 404),
)
async def add_notice(unit: UnitPath, body: NewNotice, who: NewsChanger, office: OfficeHere) -> NoticeView:
    notice = Notice(
        id=0,
        unit=unit,
        group=body.group,
        title=body.title,
        body=body.body,
        published_at=body.published_at or office.books.clock(),
        expires_at=body.expires_at,
    )
    return _notice(await board.add_notice(office.books, who, notice))


@router.delete(
    "/units/{unit}/notices/{notice}",
    status_code=204,
    tags=["news"],
    summary="Take a notice down",
    responses=documented(401, 403, 404),
)
async def delete_notice(unit: UnitPath, notice: NumberPath, who: NewsChanger, office: OfficeHere) -> None:
    await board.delete_notice(office.books, who, unit, notice)


@router.get("/units/{unit}/events", tags=["news"], summary="Calendar", responses=documented(401, 403, 404))
async def list_events(
    unit: UnitPath,
    _: NewsReader,
    office: OfficeHere,
    first: Annotated[date | None, Query(description="Events of this day and later.")] = None,
    last: Annotated[date | None, Query(description="Events of this day and earlier.")] = None,
    after: AfterQuery = None,
    limit: LimitQuery = 50,
) -> Page[EventView]:
    found = await board.events(office.books, unit, first=first, last=last, before=after, limit=limit + 1)
    shown = found[:limit]
    return Page[EventView](items=[_event(event) for event in shown], next=shown[-1].id if len(found) > limit else None)


@router.post(
    "/units/{unit}/events",
    status_code=201,
    tags=["news"],
    summary="Enter an event",
    responses=documented(401, 403, 404),
)
async def add_event(unit: UnitPath, body: NewEvent, who: NewsChanger, office: OfficeHere) -> EventView:
    event = CalendarEvent(
        id=0,
        unit=unit,
        group=body.group,
        starts_on=body.starts_on,
        ends_on=body.ends_on,
        starts_at=body.starts_at,
        title=body.title,
        note=plain_text(body.note),
        place=plain_line(body.place),
    )
    return _event(await board.add_event(office.books, who, event))


@router.delete(
    "/units/{unit}/events/{event}",
    status_code=204,
    tags=["news"],
    summary="Take an event out",
    responses=documented(401, 403, 404),
)
async def delete_event(unit: UnitPath, event: NumberPath, who: NewsChanger, office: OfficeHere) -> None:
    await board.delete_event(office.books, who, unit, event)


@router.get(
    "/units/{unit}/post-attempts",
    tags=["audit"],
    summary="Posts by mail that were refused, newest first",
    responses=documented(401, 403, 404),
)
async def list_post_attempts(
    unit: UnitPath, _: AuditReader, office: OfficeHere, after: AfterQuery = None, limit: LimitQuery = 50
) -> Page[PostAttemptView]:
    found = await board.post_attempts(office.books, unit, before=after, limit=limit + 1)
    shown = found[:limit]
    items = [
        PostAttemptView(
            id=row.id,
            group=row.group,
            reason=row.reason,
            at=row.at,
            tries=row.tries,
            explanation=ExplanationView.of(explain_attempt(row.reason)),
            authentication=AuthenticationView.of(row.authentication),
        )
        for row in shown
    ]
    return Page[PostAttemptView](items=items, next=shown[-1].id if len(found) > limit else None)


@router.get(
    "/units/{unit}/audit",
    tags=["audit"],
    summary="Who did what, newest first",
    responses=documented(401, 403, 404),
)
async def list_audit(
    unit: UnitPath, _: AuditReader, office: OfficeHere, after: AfterQuery = None, limit: LimitQuery = 50
) -> Page[AuditView]:
    found = await board.audit_page(office.books, unit, before=after, limit=limit + 1)
    shown = found[:limit]
    return Page[AuditView](items=[_audit(row) for row in shown], next=shown[-1].id if len(found) > limit else None)


@router.get(
    "/audit-check", tags=["audit"], summary="Is the audit log unaltered? (operator)", responses=documented(401, 403)
)
async def check_audit(_: UnitManager, office: OfficeHere) -> AuditCheck:
    check = await board.audit_check(office.books)
    return AuditCheck(intact=check.broken_at is None, rows=check.rows, broken_at=check.broken_at, head=check.head.hex())


def _notice(notice: Notice) -> NoticeView:
    return NoticeView(
        id=notice.id,
        group=notice.group,
        title=notice.title,
        body=notice.body,
        published_at=notice.published_at,
        expires_at=notice.expires_at,
        message=notice.message,
    )


def _event(event: CalendarEvent) -> EventView:
    return EventView(
        id=event.id,
        group=event.group,
        starts_on=event.starts_on,
        ends_on=event.ends_on,
        starts_at=event.starts_at,
        title=event.title,
        note=event.note,
        place=event.place,
    )


def _audit(row: AuditRow) -> AuditView:
    entry = row.entry
    return AuditView(
        id=row.id,
        at=row.at,
        actor=entry.actor,
        action=entry.action,
        object=entry.object,
        detail=dict(entry.detail or {}),
    )
