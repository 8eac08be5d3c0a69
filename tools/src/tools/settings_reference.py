"""Writes docs/settings.md: every environment variable that a service reads, as its settings class declares it.

    class Settings -> Variable of each field -> one for each name, with all services that read it -> tables in Markdown

A field's description is the docstring below it, or Field(description=...); a subclass that only gives another default
keeps the one of the class above. Secrets show no default.
"""

import ast
import importlib
import inspect
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from renrakumo_cli.local.services import SERVICES
from runtime.crypto.keys import KeyRing
from runtime.settings import PREFIX, SecretKey

_HEAD = """\
# Settings

Every environment variable that a service reads. Written by `make docs` from the settings classes; those that only
`renrakumo up` and the command line read are in [operators.md](operators.md#on-one-machine). A variable that is missing
or wrong is named at start, and the process ends with code 78.
"""
_KINDS: Mapping[str, str] = {
    "DkimKeys": "keys, comma between, secret",
    "RouteTable": "routes, comma between",
    "frozenset[str]": "domains, comma between",
    "tuple[float, ...]": "numbers, comma between",
    "tuple[tuple[str, int], ...]": "`address:port`, comma between",
    "tuple[Network, ...]": "networks, comma between",
    "Mapping[str, Allowance]": "`kind=rate/burst`, comma between",
    "Mapping[str, tuple[str, bytes]]": "`service:id:base64`, comma between",
}
"""Types that are read from text by a function of their own, as a person writes them."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as one service reads it."""

    name: str
    service: str
    kind: str
    default: str
    description: str


def variables(service: str, settings: type[BaseModel]) -> list[Variable]:
    """Everything that a settings class reads. Raises ValueError for a field without a description."""
    described = dict(_descriptions(settings))
    found = []
    for name, field in settings.model_fields.items():
        description = field.description or described.get(name)
        if not description:
            raise ValueError(f"{settings.__module__}: {name} has no description")
        kind = kind_of(field)
        found.append(Variable(PREFIX + name.upper(), service, kind, _default(field), " ".join(description.split())))
    return found


def kind_of(field: FieldInfo) -> str:
    """The type in words: what a person writes into the variable."""
    annotation = _without_none(field.annotation)
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    simple = {
        bool: "`on` or `off`",
        str: "text",
        SecretStr: "text, secret",
        Path: "file",
        timedelta: "duration (`PT1H`, `P7D`)",
        KeyRing: "`id:base64`, comma between, secret",
        SecretKey: "base64, secret",
    }
    if annotation in (int, float):
        return "number" + _range(field)
    if annotation in simple:
        return simple[annotation]
    return _KINDS[_spelled(annotation)]


def render(found: Iterable[Variable], services: int) -> str:
    """The page: variables of every service, of several, then of each alone."""
    by_name: dict[str, list[Variable]] = {}
    for variable in found:
        by_name.setdefault(variable.name, []).append(variable)
    groups: dict[str, list[list[Variable]]] = {"Every service": [], "Several services": []}
    for _, same in sorted(by_name.items()):
        group = "Several services" if len(same) > 1 else same[0].service
        groups.setdefault("Every service" if len(same) == services else group, []).append(same)
    order = sorted(groups, key=lambda title: (list(groups).index(title) if title[0].isupper() else services, title))
    return "\n".join([_HEAD, *(_table(title, groups[title], services) for title in order)])


def _table(title: str, rows: list[list[Variable]], services: int) -> str:
    several = title == "Several services"
    head = ["variable", *(["services"] if several else []), "type", "default", "what"]
    lines = [f"## {title}", "", _row(head), _row(["---"] * len(head))]
    for same in rows:
        cells = [f"`{same[0].name}`", *([", ".join(each.service for each in same)] if several else [])]
        lines.append(
            _row([*cells, _one(each.kind for each in same), _defaults(same), _one(e.description for e in same)])
        )
    return "\n".join([*lines, ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _one(values: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(values))


def _defaults(same: list[Variable]) -> str:
    by_default: dict[str, list[str]] = {}
    for each in same:
        by_default.setdefault(each.default, []).append(each.service)
    if len(by_default) == 1:
        return same[0].default
    usual = max(by_default, key=lambda default: len(by_default[default]))
    if len(by_default[usual]) == 1:
        return ", ".join(f"{default} ({names[0]})" for default, names in by_default.items())
    others = [f"{default} ({', '.join(names)})" for default, names in by_default.items() if default != usual]
    return f"{usual}; {', '.join(others)}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if field.repr is False or isinstance(value, KeyRing | SecretKey | SecretStr) or _is_empty(value):
        return "none"
    return f"`{_written(value)}`"


def _is_empty(value: Any) -> bool:
    return value is None or (hasattr(value, "__len__") and len(value) == 0)


def _written(value: Any) -> str:
    """A value as it would stand in the environment."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return _plain(value)
    if isinstance(value, timedelta):
        days = value.total_seconds() / 86_400
        return f"P{days:.0f}D" if days.is_integer() else str(to_jsonable_python(value))
    if isinstance(value, Mapping):
        return ",".join(f"{key}={each.rate:g}/{each.burst:g}" for key, each in value.items())
    if isinstance(value, tuple | frozenset):
        return ",".join(map(str, value))
    return str(value)


def _plain(number: Any) -> str:
    """A number without exponent or needless decimals."""
    return str(int(number)) if float(number).is_integer() else str(number)


def _range(field: FieldInfo) -> str:
    least = most = ""
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge(ge=value):
                least = f"at least {_plain(value)}"
            case annotated_types.Gt(gt=value):
                least = f"more than {_plain(value)}"
            case annotated_types.Le(le=value):
                most = f"at most {_plain(value)}"
    return "".join(f", {words}" for words in (least, most) if words)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [each for each in get_args(annotation) if each is not types.NoneType]
        return rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007 (made at run time)
    return annotation


def _spelled(annotation: Any) -> str:
    """A type without the modules of its parts, so that it may move."""
    if annotation is Ellipsis:
        return "..."
    if get_origin(annotation) in (Union, types.UnionType):
        return "Network"  # IPv4 or IPv6: the only ones
    name: str = getattr(get_origin(annotation) or annotation, "__name__", str(annotation))
    parts = get_args(annotation)
    return f"{name}[{', '.join(map(_spelled, parts))}]" if parts else name


def _descriptions(settings: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Field -> the docstring below it, of the class itself last."""
    for cls in reversed(settings.__mro__):
        if issubclass(cls, BaseModel) and cls.__module__.partition(".")[0] not in ("pydantic", "pydantic_settings"):
            yield from _docstrings(cls)


def _docstrings(cls: type) -> Iterator[tuple[str, str]]:
    definition = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(definition, ast.ClassDef)
    for node, after in zip(definition.body, definition.body[1:], strict=False):
        match node, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, words


def reference() -> str:
    """The page for the services as they are."""
    found = [
        variable
        for spec in SERVICES
        for variable in variables(spec.name, importlib.import_module(f"{spec.package}.settings").Settings)
    ]
    return render(found, len(SERVICES))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
