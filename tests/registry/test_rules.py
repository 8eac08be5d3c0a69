"""The pure rules: names, decisions, living and dead addresses."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import CopyOutcome
from registry import model, naming
from registry.model import Finding, Standing
from registry.naming import Child, Person
from simulator.crowd import make_crowd
from simulator.people import Parent

NOW = datetime(2026, 4, 8, tzinfo=UTC)

times = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
findings = st.sampled_from(["alive", "certainly_dead", "dead", "soft", "nothing"])


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_is_written_names_are_read_without_an_error(first: str, reply: str) -> None:
    person = naming.correct(naming.read(first), reply)
    assert (naming.label(person) is None) == (not person)
    assert bool(naming.understood(person)) == bool(person)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("15 山田 太郎 母", "15 山田 太郎（母）"),
        ("１５　山田　太郎　母", "15 山田 太郎（母）"),
        ("15 山田 太郎 母\n3 山田 花子 母", "15 山田 太郎（母）、3 山田 花子（母）"),
        ("佐藤 花子 職員", "佐藤 花子（職員）"),
        ("山田太郎", "山田太郎"),
        ("", ""),
        ("はい", ""),
        ("登録希望", ""),
        ("OK", ""),
    ],
)
def test_what_the_guide_mail_shows(words: str, shown: str) -> None:
    assert naming.understood(naming.read(words)) == shown


@pytest.mark.parametrize("parent", make_crowd(1, 200), ids=lambda parent: str(parent.number))
def test_names_in_every_shape_that_schools_receive(parent: Parent) -> None:
    for words, child in zip(parent.name_lines, parent.children, strict=True):
        person = naming.read(words)
        (read,) = person.children
        spellings = (
            child.surname + child.given,
            child.surname_romaji + child.given_romaji,
            child.surname_kana + child.given_kana,
        )
        assert read.name.replace(" ", "") in spellings
        assert read.relation in (parent.relation.value, None)
        assert naming.correct(person, parent.habits.confirmation_text) == person


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("16 山田 太郎 母", "16 山田 太郎（母）"),
        ("16番", "16 山田 太郎（母）"),
        ("父です", "15 山田 太郎（父）"),
        ("山田 太朗", "15 山田 太朗（母）"),
        ("問題ありません", "15 山田 太郎（母）"),
        ("はい、そうです", "15 山田 太郎（母）"),
        ("ありがとうございます", "15 山田 太郎（母）"),
    ],
)
def test_how_a_reply_corrects(reply: str, shown: str) -> None:
    assert naming.understood(naming.correct(naming.read("15 山田 太郎 母"), reply)) == shown


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (Child("髙橋 太郎", "１５"), Child("高橋　太郎", "15"), True),
        (Child("高橋 太郎", "15"), Child("高橋 太郎", "16"), False),
        (Child("高橋 太郎"), Child("高橋太郎"), True),
        (Child("ゆい", "15"), Child("ゆい", "15"), True),
        (Child("ゆい"), Child("ゆい"), False),
    ],
)
def test_two_guardians_mean_one_child_only_when_there_is_no_doubt(first: Child, second: Child, same: bool) -> None:
    assert (naming.same_child(first, "1") == naming.same_child(second, "2")) == same
    assert naming.same_child(first, "1") == naming.same_child(first, "1")


def test_a_guardian_is_shown_by_his_children() -> None:
    person = Person((Child("山田 太郎", "15", "母"), Child("山田 花子", None, None)))
    assert naming.label(person) == "山田 太郎（母）、山田 花子"


@given(times, st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["open", "done", "expired"]))
def test_a_registration_is_completed_only_while_open_fresh_and_possible(
    opened_at: datetime, expired: bool, still_member: bool, group_exists: bool, state: str
) -> None:
    decision = model.decide_registration(
        state=state,
        opened_at=opened_at,
        replied_at=NOW,
        life=timedelta(days=7),
        expired=expired,
        still_member=still_member,
        group_exists=group_exists,
    )
    fresh = state == "open" and not expired and NOW - opened_at <= timedelta(days=7)
    assert (decision == "complete") == (fresh and group_exists)


def outcome(kind: str, *, sure: bool = False) -> CopyOutcome:
    return CopyOutcome.model_validate(
        {"copy_ref": 1, "outcome": kind, "at": NOW, "attempt": 1, "stage": "rcpt", "code": 550, "sure": sure}
    )


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        (outcome("delivered"), "alive"),
        (outcome("dead", sure=True), "certainly_dead"),
        (outcome("dead"), "dead"),
        (outcome("filtered"), "soft"),
        (outcome("full"), "soft"),
        (outcome("policy"), "nothing"),
        (outcome("deferred"), "nothing"),
        (outcome("superseded"), "nothing"),
    ],
)
def test_what_an_outcome_says_of_the_address(said: CopyOutcome, finding: Finding) -> None:
    assert model.find(said) == finding


@given(st.lists(st.tuples(st.sampled_from(["soft", "nothing", "alive"]), st.integers(1, 50), times), max_size=50))
def test_soft_failures_never_take_an_address_off(story: list[tuple[Finding, int, datetime]]) -> None:
    standing = Standing()
    for finding, message, at in story:
        standing = model.decide_standing(standing, finding, message=message, at=at)
    assert standing.state == "active"


@given(st.lists(st.tuples(st.sampled_from(["dead", "soft"]), st.just(7), times), max_size=20))
def test_one_message_in_doubt_never_takes_an_address_off(story: list[tuple[Finding, int, datetime]]) -> None:
    standing = Standing()
    for finding, message, at in story:
        standing = model.decide_standing(standing, finding, message=message, at=at)
    assert standing.state == "active"


@given(st.lists(st.tuples(st.just("dead"), st.integers(1, 50), times), max_size=30), times)
def test_messages_of_the_same_days_never_take_an_address_off(
    story: list[tuple[Finding, int, datetime]], start: datetime
) -> None:
    standing = Standing()
    for finding, message, at in story:
        within = start + (at - start) % model.DEAD_APART
        standing = model.decide_standing(standing, finding, message=message, at=within)
    assert standing.state == "active"


def test_two_messages_in_doubt_days_apart_do() -> None:
    once = model.decide_standing(Standing(), "dead", message=1, at=NOW)
    soon = model.decide_standing(once, "dead", message=2, at=NOW + model.DEAD_APART - timedelta(seconds=1))
    later = model.decide_standing(soon, "dead", message=3, at=NOW + model.DEAD_APART)
    assert (once.state, soon.state, later.state, later.reason) == ("active", "active", "undeliverable", "unknown_user")


def test_one_death_beyond_doubt_is_enough() -> None:
    standing = model.decide_standing(Standing(), "certainly_dead", message=1, at=NOW)
    assert (standing.state, standing.reason) == ("undeliverable", "unknown_user")


def test_a_delivery_in_between_begins_the_count_anew() -> None:
    standing = model.decide_standing(Standing(), "dead", message=1, at=NOW)
    standing = model.decide_standing(standing, "alive", message=2, at=NOW + timedelta(days=1))
    assert standing == Standing(last_outcome_at=NOW + timedelta(days=1))
    standing = model.decide_standing(standing, "dead", message=3, at=NOW + timedelta(days=9))
    assert standing.state == "active"


def test_an_old_report_says_nothing_against_a_newer_sign_of_life() -> None:
    alive = Standing(last_outcome_at=NOW)
    assert model.decide_standing(alive, "certainly_dead", message=1, at=NOW - timedelta(minutes=1)) == alive


@given(findings, findings, times)
def test_finding_the_same_death_twice_is_finding_it_once(first: Finding, second: Finding, at: datetime) -> None:
    before = model.decide_standing(Standing(), first, message=1, at=at)
    if second != "soft":
        once = model.decide_standing(before, second, message=2, at=at)
        assert model.decide_standing(once, second, message=2, at=at) == once
