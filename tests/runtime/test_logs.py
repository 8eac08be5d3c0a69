"""No log line holds an address, wherever it hid; and every line is one JSON object."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from runtime import logs, tracing
from runtime.errors import PermanentError
from runtime.redaction import reason_of, redact

ADDRESSES = (
    "taro@docomo.ne.jp",
    "foo..bar@docomo.ne.jp",
    '"foo..bar"@docomo.ne.jp',
    '"taro yamada"@example.jp',
    ".foo.@ezweb.ne.jp",
    "<taro@docomo.ne.jp>",
    "taro＠docomo.ne.jp",
    "mailto:taro%40docomo.ne.jp",
    "taro@[192.0.2.1]",
    "山田taro@例え.jp",
)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], configure_logs: Callable[[str, str], None]) -> Any:
    configure_logs("registry", "INFO")

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    return read


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_taken_out_of_any_text(address: str) -> None:
    for text in (address, f"to {address}, now", f"({address})", f'{{"to": "{address}"}}', f"x={address};y"):
        shown = redact(text)
        assert "[redacted]" in shown
        assert "taro" not in shown
        assert "foo" not in shown


def test_other_text_stays_as_it_is() -> None:
    for text in ("", "a plain line", "  @property", "5 > 3 [x]", "http://example.test/a?limit=40", "x" * 50):
        assert redact(text) == text


def test_redaction_of_a_hostile_text_takes_no_time() -> None:
    started = time.process_time()
    redact('"' * 200_000 + "@" * 200_000 + "a" * 200_000)
    assert time.process_time() - started < 5


def test_nested_values_are_redacted(lines: Any) -> None:
    log = logs.get_logger("test")
    log.info(
        "mail_seen", to="taro@docomo.ne.jp", more={"a": [b"taro@x.jp", {"taro@y.jp": ("taro@z.jp", 5)}]}, unit="oka"
    )
    (line,) = lines()
    assert "taro" not in json.dumps(line)
    assert (line["event"], line["unit"], line["service"], line["level"]) == ("mail_seen", "oka", "registry", "info")


def test_library_loggers_go_the_same_way(lines: Any) -> None:
    logging.getLogger("uvicorn.error").error("peer %s said no", "taro@docomo.ne.jp")
    logging.getLogger("nats.aio.client").warning("hello")
    first, second = lines()
    assert first["event"] == "peer [redacted] said no"
    assert second["logger"] == "nats.aio.client"


def test_tracebacks_hold_no_data(lines: Any) -> None:
    def fails(name: str) -> None:
        try:
            raise KeyError(name)
        except KeyError as error:
            raise PermanentError("unknown_group") from error

    someone = "山田太郎"
    try:
        fails(someone)
    except PermanentError:
        logs.get_logger("test").exception("handler_failed")
    (line,) = lines()
    assert "山田" not in line["exception"]
    assert "KeyError" in line["exception"]
    assert "PermanentError: unknown_group" in line["exception"]
    assert "test_logs.py" in line["exception"]


def test_a_reason_never_holds_data() -> None:
    class Refused(Exception):
        sqlstate = "23505"

    assert reason_of(ValueError("taro 山田")) == "ValueError"
    assert reason_of(IntegrityError("INSERT", {}, Refused("Key (name)=(山田)"))) == "IntegrityError (SQLSTATE 23505)"
    assert reason_of(PermanentError("sent by taro@x.jp")) == "PermanentError: sent by [redacted]"


def test_the_correlation_is_on_every_line_and_goes_on_to_the_next(lines: Any) -> None:
    incoming = {"Renrakumo-Correlation": "abc123", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with tracing.accept(incoming):
        logs.get_logger("test").info("inside")
        outgoing = tracing.headers()
    logs.get_logger("test").info("outside")
    inside, outside = lines()
    assert inside["correlation"] == "abc123" == outgoing["Renrakumo-Correlation"]
    assert outgoing["traceparent"].split("-")[1] == "a" * 32
    assert outgoing["traceparent"].split("-")[2] != "b" * 16
    assert "correlation" not in outside


def test_malformed_ids_from_outside_are_replaced() -> None:
    with tracing.accept({"Renrakumo-Correlation": "taro@docomo.ne.jp", "traceparent": "x\r\ny"}) as number:
        assert "@" not in number
        assert tracing.headers()["traceparent"].startswith("00-")
