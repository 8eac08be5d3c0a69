"""Bodies and answers of .../events."""

from datetime import date, time
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from admin_api.calendar.model import CalendarEvent
from admin_api.kernel.text import plain_line, plain_text
from admin_api.web.types import Body, GroupText, Line, Number, View

Day = Annotated[date, Field(ge=date(2000, 1, 1), lt=date(2200, 1, 1), examples=["2026-05-30"])]


class NewEvent(Body):
    """Days and times are Japan's. `ends_on` is the last day, null for one day."""

    title: Annotated[Line, Field(max_length=100, examples=["運動会"])]
    starts_on: Day
    ends_on: Day | None = None
    starts_at: Annotated[time | None, Field(examples=["08:30:00"])] = None
    group: GroupText | None = None
    note: Annotated[str, Field(max_length=2000), AfterValidator(plain_text)] = ""
    place: Annotated[str, Field(max_length=100, examples=["校庭"]), AfterValidator(plain_line)] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError("it ends before it starts")
        if self.starts_at is not None and self.starts_at.tzinfo is not None:
            raise ValueError("starts_at is a time of day in Japan, without a zone")
        return self

    def event(self, unit: str) -> CalendarEvent:
        """The event that is asked for, without a number yet."""
        return CalendarEvent(id=0, unit=unit, **self.model_dump())


class EventView(View):
    """An event of the calendar. Days and times are Japan's; `ends_on` is the last day, null for one day."""

    id: Number
    group: str | None
    starts_on: date
    ends_on: date | None
    starts_at: time | None
    title: str
    note: str
    place: str
