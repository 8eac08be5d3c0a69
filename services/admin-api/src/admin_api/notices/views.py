"""Bodies and answers of .../notices."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from admin_api.notices.model import Notice
from admin_api.web.types import Body, GroupText, Line, Number, PlainText, Timestamp, View


class NewNotice(Body):
    """`group` null: for the whole unit. Anybody can read it."""

    title: Annotated[Line, Field(max_length=100, examples=["運動会は体育館で行います"])]
    body: Annotated[PlainText, Field(max_length=10_000, examples=["雨のため、会場を体育館に変更します。"])]
    group: GroupText | None = None
    published_at: Timestamp | None = None
    expires_at: Timestamp | None = None

    def notice(self, unit: str, now: datetime) -> Notice:
        """The notice that is asked for, without a number yet; published `now` unless it says otherwise."""
        return Notice(id=0, unit=unit, **{**self.model_dump(), "published_at": self.published_at or now})


class NoticeView(View):
    """A notice. `message`: the broadcast that it came from."""

    id: Number
    group: str | None
    title: str
    body: str
    published_at: Timestamp
    expires_at: Timestamp | None
    message: Number | None
