"""Registry as admin-api meets it: what it answers of a unit with one member, for tests without persons.

`tests/registry/test_alike.py` asks the real registry the same questions, so that no answer here has a shape that the
real one doesn't give.
"""

from datetime import UTC, datetime

from pydantic import BaseModel

from contracts import requests
from contracts.requests import AudienceSize, MembersPage, MemberView, Names, PostContent, Posters

SINCE = datetime(2026, 4, 8, 0, 0, tzinfo=UTC)
MEMBER = MemberView(member=11, name="山田 花子", groups=("xx1",), since=SINCE, state="active")
NAMES = Names(members={11: "山田 花子"}, children={21: "山田 太郎"})
ANSWERS: dict[str, BaseModel] = {
    requests.MEMBERS: MembersPage(members=(MEMBER,), next=None, total=1),
    requests.NAMES: NAMES,
    requests.AUDIENCE: AudienceSize(people=3, copies=4),
    requests.POST: PostContent(subject="遠足", text="無事に着きました。"),
    requests.POSTERS: Posters(members=(MEMBER,)),
}
"""By the subject of the question."""


def answers() -> dict[str, BaseModel | Exception]:
    """A copy of all answers, for a test to change (FakeBus.answers)."""
    return dict(ANSWERS)
