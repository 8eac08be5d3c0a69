"""The benchmark's arithmetic: medians, ratios, aims, and the form in which a run is kept. Nothing is timed here."""

import json
from typing import Any

import pytest

from tools.bench.__main__ import kept_form
from tools.bench.figures import PEERS, Measurement, Row, aims, as_json, growth, summarise
from tools.bench.lanes import Lanes
from tools.bench.run import BenchResult

RATIOS = {"postfix", "smtp_source", "mailman", "aiosmtplib"}


def ours(recipients: int = 1000, seconds: float = 1.0, **more: Any) -> Measurement:
    told: dict[str, Any] = {"cpu": {"dispatcher": 0.2, "nats": 0.1}, "first_copy": 0.05, "settled": 2.0, **more}
    return Measurement("full-path", recipients, seconds, **told)


def peer(case: str, copies_per_s: float) -> Measurement:
    return Measurement(case, 100, 100 / copies_per_s, cpu={case: 0.05})


def row(rows: list[Row], case: str, dkim: str = "off") -> Row:
    return next(each for each in rows if (each.case, each.dkim) == (case, dkim))


def test_a_row_is_the_median_of_its_rounds_and_tells_the_slowest_and_the_fastest() -> None:
    (found,) = summarise([ours(seconds=1.0), ours(seconds=4.0), ours(seconds=2.0)])
    assert (found.rounds, found.copies_per_s, found.slowest, found.fastest) == (3, 500, 250, 1000)


def test_sizes_and_signatures_are_rows_of_their_own() -> None:
    rows = summarise([ours(600), ours(5000), ours(600, dkim="rsa"), ours(600)])
    assert [(each.recipients, each.dkim, each.rounds) for each in rows] == [
        (600, "off", 2),
        (5000, "off", 1),
        (600, "rsa", 1),
    ]


def test_a_ratio_is_our_median_divided_by_the_peers() -> None:
    rows = summarise(
        [ours(), peer("postfix", 100), peer("postfix", 300), peer("postfix", 200), peer("smtp-source", 2000)]
    )
    assert row(rows, "full-path").ratios["postfix"] == pytest.approx(5)
    assert row(rows, "full-path").ratios["smtp_source"] == pytest.approx(0.5)
    assert row(rows, "smtp-source").ratios["postfix"] == pytest.approx(10)
    assert row(rows, "postfix").ratios["postfix"] == pytest.approx(1)


def test_the_ratio_to_a_missing_peer_is_null_for_everybody() -> None:
    for each in summarise([ours(), peer("postfix", 100)]):
        assert set(each.ratios) == RATIOS
        assert each.ratios["mailman"] is None


def test_processor_time_is_per_copy_by_process_and_memory_the_most_of_all_rounds() -> None:
    (found,) = summarise(
        [
            ours(memory={"nats": 10}, cpu={"nats": 0.1}),
            ours(memory={"nats": 30}, cpu={"nats": 0.3}),
            ours(memory={"nats": 20}, cpu={"nats": 0.2}),
        ]
    )
    assert found.cpu_us == {"nats": pytest.approx(200)}
    assert found.memory == {"nats": 30}


def test_growth_compares_the_largest_size_with_5000() -> None:
    rows = summarise([ours(5000, cpu={"a": 5000 * 200e-6}), ours(100_000, cpu={"a": 100_000 * 150e-6})])
    assert growth(rows) == pytest.approx(0.75)
    assert growth(rows[:1]) is None


def test_aims_are_measured_at_the_largest_size_and_unknown_without_the_peer() -> None:
    rows = summarise(
        [ours(600, seconds=6), ours(5000, seconds=0.5), ours(5000, seconds=1, dkim="rsa"), peer("postfix", 900)]
    )
    measured = {aim.what.partition(" (")[0]: aim for aim in aims(rows, lanes_ratio=0.6)}
    assert measured["full path : Postfix, individual copies"].met
    assert measured["full path with RSA signatures : Postfix without"].met
    assert measured["full path : Mailman with VERP"].met is None
    assert measured["first copy after the approval, ms"].met
    assert measured["urgent message: time alone : time under load"].met is False


def test_the_slowest_first_copy_decides() -> None:
    found = aims(summarise([ours(600), ours(5000, first_copy=0.3, dkim="rsa")]), None)
    late = next(aim for aim in found if aim.what.startswith("first copy"))
    assert late.value == pytest.approx(300)
    assert late.met is False
    assert "5,000, DKIM rsa" in late.what


def test_a_kept_row_has_the_fields_that_others_read() -> None:
    kept = as_json(row(summarise([ours(), peer("postfix", 123.456)]), "full-path"))
    assert {"case", "recipients", "dkim", "copies_per_s", "cpu_us_per_copy", "ratios"} <= set(kept)
    assert kept["cpu_us_per_copy"] == {"dispatcher": 200.0, "nats": 100.0}
    assert kept["cpu_us_per_copy_together"] == 300.0
    assert kept["ratios"] == {"postfix": 8.1, "smtp_source": None, "mailman": None, "aiosmtplib": None}
    assert kept["first_copy_ms"] == 50


def test_processor_time_of_a_single_process_is_a_plain_figure() -> None:
    assert as_json(summarise([peer("mailman", 80)])[0])["cpu_us_per_copy"] == 500.0


def test_a_whole_run_is_kept_as_json_with_lanes_and_what_is_missing() -> None:
    measurements = [ours(), *(peer(case, 100) for case in PEERS if case != "mailman")]
    lanes = Lanes(5000, alone=[2.0, 2.2, 2.1], under_load=[3.0, 2.8], waiting=[900, 100])
    outcome = BenchResult("smtp-sink", measurements, lanes, missing={"mailman": "not installed"})
    rows = summarise(measurements)
    kept = json.loads(json.dumps(kept_form(outcome, rows, aims(rows, lanes.ratio))))
    assert [each["case"] for each in kept["rows"]] == ["full-path", "smtp-source", "postfix", "aiosmtplib", "lanes"]
    assert all(set(each["ratios"]) == RATIOS for each in kept["rows"])
    assert kept["rows"][-1]["alone_to_under_load"] == pytest.approx(2.1 / 2.9, abs=0.001)
    assert kept["missing"] == {"mailman": "not installed"}
