"""Takes personal data out of texts on their way to a log, a dead letter or a health answer.

What looks like a mail address is replaced, however it is quoted. Texts of exceptions are kept only when their class
is one whose text cannot hold data; of all others (a ValueError shows the value, a database error the row) only the
class name remains. Names of people cannot be recognised, so the code never logs them in the first place.
"""

import re
import traceback
from collections.abc import Mapping

from runtime.errors import RenrakumoError

REDACTED = "[redacted]"
_MARKS = ("@", "\uff20", "%40")
_QUOTED_LOCAL = re.compile(r'"[^"\n]{0,128}"[@\uff20][^\s<>()\[\]{},;]*')
_TOKEN = re.compile(r"[^\s<>()\[\]{},;]+")
_DEPTH = 6
_SPEAKING: tuple[type[BaseException], ...] = (
    RenrakumoError,
    OSError,
    AttributeError,
    ImportError,
    NameError,
    TypeError,
    NotImplementedError,
    TimeoutError,
    SystemExit,
)


def redact(text: str) -> str:
    """`text` with everything address-like replaced by `[redacted]`. Linear in the length of the text."""
    if not any(mark in text for mark in _MARKS):
        return text
    return _TOKEN.sub(_replace, _QUOTED_LOCAL.sub(REDACTED, text))


def _replace(match: "re.Match[str]") -> str:
    token = match.group()
    # A decorator in a line of source (`@property`) has nothing before its sign.
    found = any(mark in token[1:] for mark in _MARKS)
    return REDACTED if found else token


def redact_value(value: object, depth: int = _DEPTH) -> object:
    """Any loggable value, nested containers included, with everything address-like replaced by `[redacted]`; bytes and
    foreign objects become text first."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if depth == 0:
        return REDACTED
    if isinstance(value, Mapping):
        return {redact(str(key)): redact_value(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item, depth - 1) for item in value]
    if isinstance(value, BaseException):
        return reason_of(value)
    return redact(str(value))


def reason_of(error: BaseException) -> str:
    """Class name, and its text when the class is one whose text never holds data; for database errors the SQLSTATE."""
    name = type(error).__name__
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return f"{name} (SQLSTATE {state})"
    if isinstance(error, _SPEAKING) or type(error).__module__.startswith("nats."):
        text = redact(str(error)).strip()
        return f"{name}: {text}" if text else name
    return name


def traceback_of(error: BaseException) -> str:
    """The usual traceback, causes first, with texts of exceptions as `reason_of` allows them."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{reason_of(current)}")
        if current.__cause__ is not None:
            current = current.__cause__
        elif current.__suppress_context__:
            current = None
        else:
            current = current.__context__
    return redact("\n\n".join(reversed(parts)))
