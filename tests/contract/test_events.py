"""Every version of every event and command has a golden sample, and its schema is published."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts import commands, events
from contracts.base import CARRIERS, LANES, Event
from contracts.export import export
from contracts.permissions import RIGHTS, SERVICES
from contracts.retired import current_subject
from contracts.streams import BUCKETS, DELIVERY, STREAMS, consumers

ALL: tuple[type[Event], ...] = (*events.ALL, *commands.ALL)
GOLDEN = Path(__file__).parent / "golden"
RELEASED = sorted((Path(__file__).parents[1] / "fixtures").glob("release-*/events/*.json"))
RENAMED = (
    # events whose names begin so, field as a release wrote it, as it is called today
    ("dead", "again_of", "retry_of"),
    ("dead-letter-retry", "letter", "dead_letter"),
    ("inbound.", "letter", "mail"),
    ("copy.bounced", "verdict", "classification"),
)
"""Fields that had another name in a release: read under both, written under the new one."""
DOCS = Path(__file__).parents[2] / "docs" / "events"


def golden(event: type[Event]) -> Path:
    return GOLDEN / f"{event.name}.v{event.model_fields['version'].default}.json"


def full(event: type[Event]) -> Path:
    """A sample with the fields that later releases added to the version; the one without stays as it was written."""
    return golden(event).with_suffix(".full.json")


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.name)
def test_an_event_written_by_an_earlier_release_is_still_read_the_same(event: type[Event]) -> None:
    for file in (golden(event), full(event)):
        if file.exists():
            sample = json.loads(file.read_text())
            assert event.model_validate(sample).model_dump(mode="json", exclude_unset=True) == sample


def renamed(event: type[Event], sample: Any) -> Any:
    """A sample of the event with each value under the name that its field has today."""
    if not isinstance(sample, dict):
        return sample
    names = {old: new for beginning, old, new in RENAMED if event.name.startswith(beginning)}
    return {names.get(name, name): renamed(event, value) for name, value in sample.items()}


def of_release(file: Path) -> type[Event]:
    """The event of which a release wrote this sample."""
    said = file.name.partition(".v")[0]
    names = {current_subject(said), current_subject(f"{said}.").rstrip(".")}
    (event,) = [each for each in ALL if each.name in names]
    return event


@pytest.mark.parametrize("file", RELEASED, ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_what_a_release_wrote_is_read_under_the_names_of_today(file: Path) -> None:
    event, text = of_release(file), file.read_text()
    sample = json.loads(text)
    read = event.model_validate_json(text)
    assert read.model_dump(mode="json", exclude_unset=True) == renamed(event, sample)
    assert json.loads(read.model_dump_json(exclude_unset=True)) == renamed(event, sample)


@pytest.mark.parametrize("beginning, old, new", RENAMED)
def test_a_renamed_field_is_tried_with_what_a_release_wrote(beginning: str, old: str, new: str) -> None:
    samples = [file for file in RELEASED if of_release(file).name.startswith(beginning)]
    assert any(f'"{old}":' in file.read_text() for file in samples)
    assert not any(f'"{new}":' in file.read_text() for file in samples)


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.name)
def test_a_sample_holds_every_field_of_its_event(event: type[Event]) -> None:
    newest = full(event) if full(event).exists() else golden(event)
    assert set(json.loads(newest.read_text())) == set(event.model_fields)


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.name)
def test_a_field_of_a_later_release_is_ignored(event: type[Event]) -> None:
    sample = json.loads(golden(event).read_text())
    assert event.model_validate({**sample, "of_the_future": 1}) == event.model_validate(sample)


def test_no_golden_sample_is_left_without_its_event() -> None:
    known = {file.name for event in ALL for file in (golden(event), full(event))}
    assert {path.name for path in GOLDEN.iterdir()} <= known
    assert all(golden(event).exists() for event in ALL)


def test_published_schemas_are_those_of_the_code(tmp_path: Path) -> None:
    export(tmp_path)
    fresh = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {path.name: path.read_text() for path in DOCS.glob("*.json")} == fresh


def _covers(pattern: str, subject: str) -> bool:
    wanted, given = pattern.split("."), subject.split(".")
    for position, part in enumerate(wanted):
        if part == ">":
            return len(given) > position
        if position >= len(given) or part not in ("*", given[position]):
            return False
    return len(wanted) == len(given)


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.name)
def test_every_event_is_stored_by_exactly_one_stream(event: type[Event]) -> None:
    subject = event.model_validate(json.loads(golden(event).read_text())).bus_subject()
    owners = [stream.name for stream in STREAMS if any(_covers(pattern, subject) for pattern in stream.subjects)]
    assert len(owners) == 1


def test_every_consumer_reads_from_a_stream_that_holds_its_subjects() -> None:
    streams = {stream.name: stream for stream in STREAMS}
    for consumer in consumers():
        for subject in consumer.filters:
            assert any(_covers(pattern, subject) for pattern in streams[consumer.stream].subjects), consumer.name


def test_every_carrier_has_a_queue_of_its_own_in_every_lane() -> None:
    filters = [consumer.filters for consumer in consumers() if consumer.stream == DELIVERY.name]
    assert len(filters) == len(set(filters)) == len(LANES) * len(CARRIERS)


def test_every_service_has_rights_and_every_bucket_known_users() -> None:
    assert set(RIGHTS) == set(SERVICES)
    for bucket in BUCKETS:
        assert set(bucket.writers) | set(bucket.readers) <= set(SERVICES)
