"""From the text of an environment variable to what it means: allowances by kind of address, domains, networks."""

import ipaddress
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any

from pydantic import PlainValidator
from pydantic_settings import NoDecode

from ingress_smtp.admission.limits import Allowance
from mail.addresses import MailboxKind, normalise_domain

Network = IPv4Network | IPv6Network

UNIT_LIMITS = "entry=50/5000,leave=50/5000,post=1/60,info=400/24000,reply=1000/60000,bounce=1000/60000,operator=1/200"
"""A whole school of 2,000 registers, and the parents of all schools of a town answer, within a minute; nobody posts so
much. Replies and bounces concern mails that we sent, so theirs are the widest."""


def parse_allowances(text: str) -> dict[str, Allowance]:
    """`kind=rate/burst,...`, for example `entry=20/3000,post=1/60`. Raises ValueError."""
    found: dict[str, Allowance] = {}
    for part in _parts(text):
        kind, equals, numbers = part.partition("=")
        rate, slash, burst = numbers.partition("/")
        if not equals or not slash:
            raise ValueError("not of the form kind=rate/burst")
        allowance = Allowance(float(rate), int(burst))
        if not (0 < allowance.rate < float("inf")) or allowance.burst < 1:
            raise ValueError("rate and burst must be above zero")
        found[kind.strip()] = allowance
    return found


def unit_limits(value: Any) -> Mapping[str, Allowance]:
    """The limits of a unit: what `value` names takes the place of the default of its kind. Raises ValueError."""
    given = parse_allowances(value) if isinstance(value, str) else dict(value)
    unknown = [kind for kind in given if kind not in set(MailboxKind)]
    if unknown:
        raise ValueError("a kind of address that does not exist")
    return parse_allowances(UNIT_LIMITS) | given


def parse_domains(value: Any) -> frozenset[str]:
    """`a.example, b.example`, or several domains; normalised. Raises ValueError."""
    return frozenset(normalise_domain(part) for part in (_parts(value) if isinstance(value, str) else value))


def parse_networks(value: Any) -> tuple[Network, ...]:
    """`192.0.2.0/24, 2001:db8::/48`, or several networks. Raises ValueError."""
    return tuple(ipaddress.ip_network(part) for part in (_parts(value) if isinstance(value, str) else value))


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


AllowancesSetting = Annotated[Mapping[str, Allowance], NoDecode, PlainValidator(unit_limits)]
"""A variable of the form `kind=rate/burst,...`."""
DomainsSetting = Annotated[frozenset[str], NoDecode, PlainValidator(parse_domains)]
"""A variable that names domains, comma between."""
NetworksSetting = Annotated[tuple[Network, ...], NoDecode, PlainValidator(parse_networks)]
"""A variable that names networks, comma between."""
