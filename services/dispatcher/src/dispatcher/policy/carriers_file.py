"""What we know about each carrier: carriers.yaml as it is shipped, with the operator's own file laid over it.

    YAML -> checked (pydantic: nothing misspelt, nothing of the wrong kind, patterns that cannot run wild) -> laid over
    field by field -> CarrierTable
Every mistake is collected and named with file, carrier and field. What the fields mean stands in deploy/carriers.yaml.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)

from contracts.events.delivery import Outcome
from dispatcher.policy.carrier_table import OTHER, CarrierPolicy, CarrierTable, Territory
from dispatcher.policy.reply_rules import Disposition, ReplyRule, RetryHint
from dispatcher.smtp.next_hop import Tls
from dispatcher.smtp.smtp_replies import Stage

SHIPPED = "carriers.yaml"
PATTERN_MOST = 300
UNLIMITED_MOST = 2
LONGEST = 7 * 86_400.0

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_DOMAIN = re.compile(r"(\*\.)?[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_SERVERS = re.compile(r"[a-z0-9*-]{1,63}(\.[a-z0-9*-]{1,63})*(\.[a-z0-9-]{1,63}){2}|\*(\.[a-z0-9-]{1,63}){2}")
_ONE_CHARACTER = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_PLAINER = {"extra_forbidden": "unknown field", "model_type": "must hold fields, each with its value"}
_REASONS: dict[Outcome, str] = {
    "dead": "no such user",
    "full": "mailbox full",
    "filtered": "refused by the recipient's filter",
    "policy": "refused by policy",
    "failed": "refused",
    "deferred": "temporary refusal",
}


class CarrierFileError(ValueError):
    """A carriers file cannot be used; the text names every mistake, one a line."""


def _duration(value: Any) -> float:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = float(found[1]) * _UNITS[found[2]] if found else -1.0
    if not 0 <= seconds <= LONGEST:
        raise ValueError("must be a duration of at most 7 days, such as 10s, 5m, 2h or 1d")
    return seconds


def _pattern(value: Any) -> re.Pattern[str]:
    if not isinstance(value, str) or not 0 < len(value) <= PATTERN_MOST:
        raise ValueError(f"must be a regular expression of 1 to {PATTERN_MOST} characters")
    bare = _ONE_CHARACTER.sub("x", value)
    if re.search(r"\)([*+]|\{[0-9]*,\})", bare):
        raise ValueError("a group may not be repeated without limit")
    if len(re.findall(r"[*+]|\{[0-9]*,\}", bare)) > UNLIMITED_MOST:
        raise ValueError(f"at most {UNLIMITED_MOST} unlimited repeats in a regular expression")
    try:
        return re.compile(value, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        raise ValueError("is no regular expression") from None


def _patterns(value: Any) -> tuple[re.Pattern[str], ...]:
    return tuple(_pattern(each) for each in _one_or_more(value))


def _codes(value: Any) -> tuple[str, ...]:
    codes = tuple(str(each) for each in _one_or_more(value))
    if not all(re.fullmatch(r"[45][0-9]{0,2}", code) for code in codes):
        raise ValueError("must be the beginning of a reply code: 4, 5, 45, 550 ..., or a list of them")
    return codes


def _stages(value: Any) -> frozenset[Stage]:
    known: dict[Any, Stage] = {stage: stage for stage in get_args(Stage) if stage != "plan"}
    given = _one_or_more(value)
    if not all(isinstance(each, str) and each in known for each in given):
        raise ValueError(f"must be one or a list of {', '.join(known)}")
    return frozenset(known[each] for each in given)


def _one_or_more(value: Any) -> list[Any]:
    many: list[Any] = value if isinstance(value, list) else [value]
    if not many:
        raise ValueError("must not be an empty list")
    return many


def _domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value):
        raise ValueError('must be a domain in lower case, or "*." and a domain')
    return value


def _servers(value: str) -> str:
    if not _SERVERS.fullmatch(value):
        raise ValueError("must be a host name in lower case whose last two parts are without *")
    return value


Duration = Annotated[float, BeforeValidator(_duration)]
Wait = Annotated[Duration, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=1000)]
RuleOutcome = Literal["dead", "full", "filtered", "policy", "failed", "deferred"]


class _Entry(BaseModel):
    """What a file says; what it leaves out stays as it was."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


class ReplyEntry(_Entry):
    """One rule for replies, in the file's words. Files that operators wrote for release 0.1 say `verdict`."""

    stage: Annotated[frozenset[Stage] | None, PlainValidator(_stages)] = None
    code: Annotated[tuple[str, ...], PlainValidator(_codes)]
    enhanced: Annotated[re.Pattern[str] | None, PlainValidator(_pattern)] = None
    words: Annotated[tuple[re.Pattern[str], ...] | None, PlainValidator(_patterns)] = None
    outcome: Annotated[RuleOutcome, Field(validation_alias=AliasChoices("outcome", "verdict"))]
    reason: Annotated[str, Field(pattern=r"^[a-z][a-z0-9 ,'/-]{0,59}$")] | None = None
    sure: bool = False
    pace: RetryHint = "planned"
    slow_down: bool = False

    @model_validator(mode="before")
    @classmethod
    def _one_outcome(cls, said: Any) -> Any:
        if isinstance(said, dict) and {"outcome", "verdict"} <= said.keys():
            raise ValueError('outcome stands there twice: "verdict" is its old name')
        return said

    @model_validator(mode="after")
    def _fits_together(self) -> "ReplyEntry":
        if self.outcome != "deferred" and not all(code.startswith("5") for code in self.code):
            raise ValueError(f"outcome {self.outcome} is only for codes that begin with 5")
        if self.sure and self.outcome != "dead":
            raise ValueError("sure is only for outcome dead")
        if self.pace != "planned" and self.outcome != "deferred":
            raise ValueError("pace is only for outcome deferred")
        return self

    def rule(self) -> ReplyRule:
        reason = self.reason or _REASONS[self.outcome]
        disposition = Disposition(self.outcome, reason, self.pace, self.slow_down, self.sure)
        return ReplyRule(disposition, self.code, self.stage, self.enhanced, self.words)


class CarrierLimits(_Entry):
    """How to treat a carrier."""

    connections: Count | None = None
    connections_per_hop: Count | None = None
    messages_per_connection: Count | None = None
    recipients_per_session: Count | None = None
    rate: Annotated[float, Field(gt=0, le=10_000)] | None = None
    idle_seconds: Duration | None = None
    pause_after_421: Wait | None = None
    ipv4_only: bool | None = None
    tls: Tls | None = None
    retry: Annotated[list[Wait], Field(min_length=1, max_length=50)] | None = None
    full_hour_spread: Annotated[Duration, Field(le=1800)] | None = None
    each_hop_apart: bool | None = None
    replies: list[ReplyEntry] = []

    @model_validator(mode="after")
    def _said_means_given(self) -> "CarrierLimits":
        for name in self.model_fields_set - {"recipients_per_session", "rate"}:
            if getattr(self, name) is None:
                raise ValueError(f"{name} must not be empty")
        return self


class CarrierEntry(CarrierLimits):
    """A carrier: limits, and who belongs to it."""

    domains: list[Annotated[str, AfterValidator(_domain)]] | None = None
    mx_hosts: list[Annotated[str, AfterValidator(_servers)]] | None = None


class CarriersFile(_Entry):
    """A whole carriers file: limits for all, and what differs by carrier."""

    common: CarrierLimits = CarrierLimits()
    carriers: dict[Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")], CarrierEntry] = {}


def load_carriers(override: Path | None = None) -> CarrierTable:
    """What is shipped, with the operator's file laid over it. Raises CarrierFileError."""
    shipped = _read(SHIPPED, files("dispatcher.policy").joinpath(SHIPPED).read_text(encoding="utf-8"))
    if override is None:
        return _table([shipped], SHIPPED)
    try:
        text = override.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise CarrierFileError(f"{override.name} cannot be read") from None
    return _table([shipped, _read(override.name, text)], override.name)


class _Loader(yaml.SafeLoader):
    """YAML's safe part, where a key that stands twice is a mistake."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read(name: str, text: str) -> CarriersFile:
    try:
        # Our own loader is a SafeLoader.
        content = yaml.load(text, Loader=_Loader)  # noqa: S506
        return CarriersFile.model_validate({} if content is None else content)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f" in line {mark.line + 1}"
        raise CarrierFileError(f"{name}: no YAML{where}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, TypeError):
        raise CarrierFileError(f"{name}: no YAML") from None
    except ValidationError as error:
        raise CarrierFileError("\n".join(dict.fromkeys(_mistakes(name, error)))) from None


def _mistakes(name: str, error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_input=False, include_url=False):
        place = [part for part in problem["loc"] if not str(part).endswith("]") and part != "carriers"]
        spoken = [f"number {part + 1}" if isinstance(part, int) else str(part) for part in place]
        reason = _PLAINER.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        yield ": ".join([name, *spoken, reason])


def _table(layers: Sequence[CarriersFile], name: str) -> CarrierTable:
    names = dict.fromkeys(carrier for layer in layers for carrier in layer.carriers)
    mistakes: list[str] = []
    owners: dict[str, str] = {}
    policies: dict[str, CarrierPolicy] = {}
    territories: dict[str, Territory] = {}
    for carrier in names:
        entries = [layer.carriers[carrier] for layer in layers if carrier in layer.carriers]
        policies[carrier] = _policy(carrier, [layer.common for layer in layers], entries)
        said = _said(entries)
        domains, servers = said.get("domains", []), said.get("mx_hosts", [])
        if carrier == OTHER and (domains or servers):
            mistakes.append(f"{name}: other: has neither domains nor mx_hosts, it is what is left")
        for owned in (*domains, *servers):
            if owners.setdefault(owned, carrier) != carrier:
                mistakes.append(f"{name}: {carrier}: {owned} belongs to {owners[owned]}, too")
        territories[carrier] = Territory(
            frozenset(domain for domain in domains if not domain.startswith("*")),
            tuple(domain[1:] for domain in domains if domain.startswith("*")),
            tuple(servers),
        )
    if mistakes:
        raise CarrierFileError("\n".join(mistakes))
    return CarrierTable(policies, territories)


def _policy(name: str, common: Sequence[CarrierLimits], entries: Sequence[CarrierEntry]) -> CarrierPolicy:
    said = _said([*common, *entries])
    limits = {key: said[key] for key in CarrierLimits.model_fields if key != "replies"}
    limits["retry"] = tuple(limits["retry"])
    # The operator's rules are asked before those that are shipped, the carrier's before those for all.
    rules = tuple(entry.rule() for layers in (entries, common) for layer in reversed(layers) for entry in layer.replies)
    return CarrierPolicy(name=name, rules=rules, **limits)


def _said(entries: Sequence[CarrierLimits]) -> dict[str, Any]:
    """The fields that these say, the last word on each."""
    return {key: getattr(entry, key) for entry in entries for key in entry.model_fields_set}
