"""Looking for personal data in places where there must be none, in whatever form a program may have written it."""

import base64
import json
import quopri
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_SHORTEST = 6
"""Octets; a shorter form would be found in anything."""

_LINE_BREAK = re.compile(b"=?\r?\n")


@dataclass(frozen=True, slots=True)
class Trace:
    """A form of a text that was found somewhere."""

    text: str
    form: str
    place: str


def plain_forms(text: str) -> dict[str, bytes]:
    """The text in the character sets of Japanese mail."""
    forms = {"utf-8": text.encode()}
    if not text.isascii():
        for charset in ("cp932", "iso2022_jp_ext"):
            forms[charset] = text.encode(charset, "ignore")
        forms["iso2022_jp_ext"] = forms["iso2022_jp_ext"].removesuffix(b"\x1b(B")
    return forms


def all_forms(text: str) -> dict[str, bytes]:
    """Those, and what becomes of them in JSON, URLs, hexadecimal dumps, base64 at any offset, quoted-printable."""
    forms = plain_forms(text)
    for name, octets in list(forms.items()):
        forms[f"hex of {name}"] = octets.hex().encode()
        forms[f"repr of {name}"] = repr(octets)[2:-1].encode()
        forms[f"quoted-printable {name}"] = quopri.encodestring(octets).replace(b"=\n", b"")
        for offset in range(3):
            coded = _base64_core(octets, offset)
            forms[f"base64 of {name} at {offset}"] = coded
            forms[f"base64url of {name} at {offset}"] = coded.translate(bytes.maketrans(b"+/", b"-_"))
    forms["json"] = json.dumps(text)[1:-1].encode()
    forms["url"] = quote(text, safe="").encode()
    return forms


def _base64_core(octets: bytes, offset: int) -> bytes:
    """What stands in base64 when the text begins `offset` octets into a group of three, whatever surrounds it."""
    coded = base64.b64encode(b"\0" * offset + octets)
    begin = (0, 2, 3)[offset]
    end = (len(octets) + offset) // 3 * 4
    return coded[begin:end]


class Search:
    """A search for these texts. Letters' case does not matter, nor do line breaks in the middle."""

    def __init__(self, texts: Iterable[str], *, plain: bool = False) -> None:
        """`plain`: only as written, for large binary files."""
        forms = plain_forms if plain else all_forms
        found: dict[bytes, tuple[str, str]] = {}
        for text in texts:
            for form, octets in forms(text).items():
                if len(octets) >= _SHORTEST:
                    found.setdefault(octets.lower(), (text, form))
        self._needles = found

    def __len__(self) -> int:
        return len(self._needles)

    def in_bytes(self, place: str, data: bytes) -> Iterator[Trace]:
        """Every form that stands in there."""
        folded = data.lower()
        joined = _LINE_BREAK.sub(b"", folded)
        for needle, (text, form) in self._needles.items():
            if needle in folded or needle in joined:
                yield Trace(text, form, place)

    def in_folder(self, folder: Path, *, leave_out: frozenset[str] = frozenset()) -> Iterator[Trace]:
        """Every form that stands in a file below the folder; `leave_out` names folders at the top."""
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and inside.parts[0] not in leave_out:
                yield from self.in_bytes(str(inside), path.read_bytes())
