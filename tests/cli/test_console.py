"""Log lines as a person reads them."""

from renrakumo_cli.local.console import readable


def test_json_lines_become_level_event_and_fields() -> None:
    line = '{"event": "mail_accepted", "level": "info", "timestamp": "2026-04-01T00:00:00Z", "kind": "entry", "n": 2}'
    assert readable(line) == "info    mail_accepted kind=entry n=2"


def test_anything_else_stays_as_it_is() -> None:
    for line in ("Traceback (most recent call last):", "[1] server ready", '{"other": 1}', "42", ""):
        assert readable(line) == line
