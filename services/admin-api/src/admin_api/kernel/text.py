"""Text that a person typed, as it is kept: no control characters, one kind of line end. Pure."""

import unicodedata


def plain_text(text: str) -> str:
    """Text of several lines as it is kept: LF line ends, no control characters, no blank ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def plain_line(text: str) -> str:
    """Text of one line as it is kept: no control characters, blanks and line ends folded into single spaces."""
    return " ".join(plain_text(text).split())
