"""MTA-STS (RFC 8461): a domain says that its mail servers speak TLS with a valid certificate, and which they are.

    TXT _mta-sts.<domain>  v=STSv1; id=...      -> there is a policy, and its number
    https://mta-sts.<domain>/.well-known/mta-sts.txt -> the policy: mode, servers, how long it holds

The first half is pure: reading the two texts. The second, `StsPolicies`, keeps policies for as long as they say. While
one is in force it is used at once and looked after beside; a policy that cannot be fetched anew goes on holding, and
one that was never had counts as none. The first mail to a domain waits for its policy, but not for long.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Literal, Protocol, cast, get_args

from dispatcher import metrics
from runtime.dns.client import Dns, DnsTrouble
from runtime.errors import TransientError
from runtime.logs import get_logger

Mode = Literal["enforce", "testing", "none"]

MOST_SECONDS = 31_557_600.0
"""A year: the longest that a policy may hold (RFC 8461 3.2)."""
_LEAST_SECONDS = 300.0
_RECHECK_SECONDS = 300.0
_DAY = 86_400.0
_SECONDS_BETWEEN_FETCHES = 60.0
_REMEMBERED = 20_000

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_MX = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*")
_AGE = re.compile(r"[0-9]{1,10}")

log = get_logger(__name__)


class PolicyError(ValueError):
    """The text is no policy. The message is a static code."""


class PolicyUnavailable(TransientError):
    """The policy could not be fetched. The text is a static code."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """`servers`: host names in lower case, `*.` in front stands for exactly one label."""

    mode: Mode
    servers: tuple[str, ...]
    max_age: float

    def allows(self, host: str) -> bool:
        """Is this MX host one of the servers? (RFC 8461 4.1)"""
        return host in self.servers or f"*.{host.partition('.')[2]}" in self.servers


class StsLookup(Protocol):
    """Whoever knows the policies of mail domains. `renewed`: a policy that was kept is not good enough. None: the
    domain has none."""

    async def of(self, domain: str, *, renewed: bool = False) -> StsPolicy | None: ...


class NoStsPolicies:
    """MTA-STS switched off."""

    async def of(self, domain: str, *, renewed: bool = False) -> StsPolicy | None:
        return None


def read_record(texts: Iterable[str]) -> str | None:
    """The policy's id out of the TXT records; None: no policy, also where there is more than one record (3.1)."""
    ours = [text for text in texts if re.match(r"v=STSv1[ \t]*(;|$)", text)]
    if len(ours) != 1:
        return None
    fields = [field.strip(" \t") for field in ours[0].split(";")]
    number = next((field.removeprefix("id=") for field in fields if field.startswith("id=")), "")
    return number if _ID.fullmatch(number) else None


def read_policy(text: str) -> StsPolicy:
    """Read the file. Of a field that stands twice the first counts, but for `mx`; unknown ones are passed over (3.2).
    Raises PolicyError."""
    fields: dict[str, str] = {}
    servers: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        key, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon:
            if line.strip(" \t"):
                raise PolicyError("line is no field")
        elif key == "mx":
            servers.append(_server(value))
        else:
            fields.setdefault(key, value)
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if fields.get("version") != "STSv1":
        raise PolicyError("unknown version")
    if mode not in get_args(Mode):
        raise PolicyError("unknown mode")
    if not _AGE.fullmatch(age):
        raise PolicyError("max_age is no number of seconds")
    if not servers and mode != "none":
        raise PolicyError("no server named")
    return StsPolicy(cast(Mode, mode), tuple(dict.fromkeys(servers)), min(float(age), MOST_SECONDS))


def _server(value: str) -> str:
    value = value.lower()
    if len(value) > 255 or not _MX.fullmatch(value):
        raise PolicyError("mx is no host name")
    return value


@dataclass(slots=True)
class _Kept:
    """`policy` holds until `expires`; DNS is asked again after `look_at`, the file fetched anew after `renew_at` even
    if its id is the same. `fetched_at`: the last try."""

    policy: StsPolicy | None
    number: str
    expires: float
    look_at: float
    renew_at: float
    fetched_at: float = float("-inf")

    def in_force(self, now: float) -> StsPolicy | None:
        return self.policy if now < self.expires else None


class Fetch(Protocol):
    """Gets a domain's policy. Raises PolicyUnavailable or PolicyError."""

    async def __call__(self, domain: str) -> StsPolicy: ...


class StsPolicies:
    """Policies of mail domains, kept for as long as they say. `dns` should remember; `wait`: how many seconds the first
    mail waits for its policy."""

    def __init__(self, dns: Dns, fetch: Fetch, *, wait: float = 5.0, now: Callable[[], float] = monotonic) -> None:
        self._dns = dns
        self._fetch = fetch
        self._wait = wait
        self._now = now
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def of(self, domain: str, *, renewed: bool = False) -> StsPolicy | None:
        """The policy of a mail domain, None if it has none or none could be had. Never raises."""
        now = self._now()
        kept = self._kept.get(domain)
        if kept is not None:
            self._kept.move_to_end(domain)
            renewed = renewed and now >= kept.fetched_at + _SECONDS_BETWEEN_FETCHES
            if now < kept.look_at and not renewed:
                return kept.in_force(now)
        looking = self._looking.get(domain)
        if looking is None:
            looking = self._looking[domain] = asyncio.create_task(self._look(domain, kept, renewed))
        in_force = kept.in_force(now) if kept is not None else None
        if in_force is None or renewed:
            # Not cancelled when this one no longer waits: the next mail finds the policy.
            await asyncio.wait((looking,), timeout=self._wait)
            kept = self._kept.get(domain)
            in_force = kept.in_force(self._now()) if kept is not None else None
        return in_force

    async def _look(self, domain: str, kept: _Kept | None, renew: bool) -> None:
        try:
            self._kept[domain] = await self._looked(domain, kept, renew)
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        finally:
            del self._looking[domain]

    async def _looked(self, domain: str, kept: _Kept | None, renew: bool) -> _Kept:
        now = self._now()
        in_force = kept if kept is not None and kept.in_force(now) is not None else None
        unchanged = in_force or _Kept(None, "", now, now, now)
        try:
            found = await self._dns.texts(f"_mta-sts.{domain}")
        except DnsTrouble:
            unchanged.look_at = now + _RECHECK_SECONDS
            return unchanged
        number = read_record(found.records)
        unchanged.look_at = now + max(_RECHECK_SECONDS, min(found.ttl, 3600.0))
        if number is None or (
            in_force is not None and in_force.number == number and now < in_force.renew_at and not renew
        ):
            return unchanged
        unchanged.fetched_at = now
        try:
            policy = await self._fetch(domain)
        except (PolicyUnavailable, PolicyError) as error:
            metrics.MTA_STS.labels("not fetched").inc()
            log.info("mta_sts_policy_not_fetched", reason=str(error), older_one_in_force=in_force is not None)
            unchanged.look_at = self._now() + _RECHECK_SECONDS
            return unchanged
        now = self._now()
        life = max(policy.max_age, _LEAST_SECONDS)
        return _Kept(policy, number, now + life, unchanged.look_at, now + min(life / 2, _DAY), now)
