"""What of an HTML page its reader sees: hidden elements found by their attributes and by the page's own style sheet.

Senders hide teasers, tracking and old text in many ways; what nobody saw must never be read as somebody's answer. Only
plain class and id rules of a style sheet are followed, and none inside @media, since those hide for some screens only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ATTRIBUTE = re.compile(
    r"""([a-zA-Z][a-zA-Z:-]{0,30}+)(?:\s{0,20}+=\s{0,20}+("[^"]*+"|'[^']*+'|[^\s"'>]*+))?""", re.DOTALL
)
_MAX_TAG = 4000
_MAX_ATTRIBUTES = 40
_MAX_SHEET = 100_000
_MAX_RULES = 500
_RULE = re.compile(r"([^{}]{0,500}+)\{([^{}]{0,2000}+)\}")
_SELECTOR = re.compile(r"[a-z0-9]{0,20}([.#][a-z0-9_-]{1,60})", re.IGNORECASE)
_AT_BLOCK = re.compile(r"@(?:media|supports|container)\b[^{}]{0,500}\{", re.IGNORECASE)
_COMMENT = "/*"
_WHITE = re.compile(r"#fff|#ffffff|#fefefe|white|rgba?\(255,255,255(?:,[01](?:\.0)?)?\)")
_COLOUR = re.compile(r"#[0-9a-f]{3,8}|[a-z]{3,20}|rgba?\([0-9., %]{5,30}\)")
_SMALL = re.compile(r"0*(?:\.0*)?(?:px|pt|em|rem|%|)|(?:0?\.\d+|1)(?:px|pt)|0?\.0\d*r?em")
_FAR_AWAY = re.compile(r"-\d{3,6}(?:\.\d{1,9})?(?:px|pt|em|rem)?")
_TRANSPARENT = re.compile(r"transparent|rgba\([0-9.%]{1,9},[0-9.%]{1,9},[0-9.%]{1,9},(?:0|0?\.0+)\)|#[0-9a-f]{6}00")
_NOTHING = re.compile(r"0*(?:\.0+)?(?:px|pt|em|rem|%|)")


def attributes(tag: str) -> dict[str, str]:
    """The attributes of a start tag (what stands between its angle brackets), lower-case names, the first of a name."""
    found: dict[str, str] = {}
    tag = tag[:_MAX_TAG]
    position = len(tag) - len(tag.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:"))
    for number, match in enumerate(_ATTRIBUTE.finditer(tag, position)):
        if number >= _MAX_ATTRIBUTES:
            break
        value = match[2] or ""
        if value[:1] in ("'", '"'):
            value = value[1:-1]
        found.setdefault(match[1].lower(), value)
    return found


def hidden_selectors(sheet: str) -> frozenset[str]:
    """The `.class` and `#id` selectors that a style sheet hides everywhere."""
    found = set()
    for number, (selectors, declarations) in enumerate(_rules(sheet[:_MAX_SHEET])):
        if number >= _MAX_RULES:
            break
        if _hides(_declarations(declarations)):
            for selector in selectors.split(",")[:20]:
                if match := _SELECTOR.fullmatch(selector.strip()):
                    found.add(match[1].lower())
    return frozenset(found)


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    pieces = []
    for number, piece in enumerate(sheet.split(_COMMENT)):
        pieces.append(piece if number == 0 else piece.partition("*/")[2])
    sheet = "".join(pieces)
    position = 0
    while position < len(sheet):
        block = _AT_BLOCK.search(sheet, position)
        stop = block.start() if block else len(sheet)
        for rule in _RULE.finditer(sheet, position, stop):
            yield rule[1], rule[2]
        if not block:
            return
        position = _end_of_block(sheet, block.end())


def _end_of_block(sheet: str, position: int) -> int:
    depth = 1
    for brace in re.compile(r"[{}]").finditer(sheet, position):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return len(sheet)


def _declarations(style: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for declaration in style[:_MAX_TAG].split(";")[:_MAX_ATTRIBUTES]:
        name, colon, value = declaration.partition(":")
        if colon:
            found[name.strip().lower()] = "".join(value.lower().replace("!important", "").split())
    return found


def _hides(style: dict[str, str]) -> bool:
    if style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return True
    if style.get("mso-hide") == "all":
        return True
    if (size := style.get("font-size")) and _SMALL.fullmatch(size):
        return True
    if (opacity := style.get("opacity")) and _NOTHING.fullmatch(opacity):
        return True
    if style.get("font", "").startswith(("0/", "0px/")) or _FAR_AWAY.match(style.get("text-indent", "")):
        return True
    if style.get("position") == "absolute" and any(_FAR_AWAY.match(style.get(side, "")) for side in ("left", "top")):
        return True
    sizes = (style.get(name, "auto") for name in ("max-height", "height", "max-width", "width"))
    return style.get("overflow") == "hidden" and any(_NOTHING.fullmatch(size) for size in sizes)


class Sight:
    """What an element's attributes say about being seen. A `background` is "" where it isn't known to be one colour."""

    __slots__ = ("_selectors", "background")

    def __init__(self, sheets: str) -> None:
        self._selectors = hidden_selectors(sheets) if sheets else frozenset()
        # Where a sheet colours backgrounds, white letters may well be seen.
        self.background = "" if "background" in sheets.lower() else "#ffffff"

    def look(self, given: dict[str, str], background: str) -> tuple[bool, str]:
        """Whether the element is hidden, and the background for what is in it."""
        if "hidden" in given and given["hidden"].lower() != "false":
            return True, background
        style = _declarations(given["style"]) if "style" in given else {}
        if style and _hides(style):
            return True, background
        if self._selectors and self._selected(given):
            return True, background
        background = _background(given, style, background)
        colour = style.get("color") or given.get("color", "").lower()
        if not colour:
            return False, background
        return bool(_TRANSPARENT.fullmatch(colour)) or (bool(background) and _same(colour, background)), background

    def _selected(self, given: dict[str, str]) -> bool:
        names = [f".{name}" for name in given.get("class", "").lower().split()[:20]]
        names.append(f"#{given.get('id', '').lower()}")
        return any(name in self._selectors for name in names)


def _background(given: dict[str, str], style: dict[str, str], inherited: str) -> str:
    colour = given.get("bgcolor", "").lower()
    for name in ("background", "background-color"):
        if name in style:
            colour = style[name]
    if "background-image" in style or "url(" in colour or "gradient" in colour or given.get("background"):
        return ""
    if not colour or colour in ("transparent", "none", "inherit", "initial", "unset"):
        return inherited
    return colour if _COLOUR.fullmatch(colour) else ""


def _same(colour: str, background: str) -> bool:
    return colour == background or bool(_WHITE.fullmatch(colour) and _WHITE.fullmatch(background))
