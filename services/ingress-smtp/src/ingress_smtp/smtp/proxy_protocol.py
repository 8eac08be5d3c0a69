"""Behind a load balancer: whom a connection is really from, told by the PROXY protocol (versions 1 and 2).

aiosmtpd reads the header; here is decided whom to believe. A balancer is believed by its network alone, so without a
list of networks the protocol is off, and with one nobody else may connect: who could write the header himself could
take any name.
"""

import asyncio
import ipaddress
from collections.abc import Sequence

from aiosmtpd.proxy_protocol import AF, PROTO, V2_CMD, get_proxy

from ingress_smtp.admission.parsing import Network

HEADER_SECONDS = 10.0
"""Within which the header must have come."""


async def true_peer(reader: asyncio.StreamReader, connected_from: str, trusted: Sequence[Network]) -> str | None:
    """The address that the PROXY header names; the balancer's own when it speaks for itself (LOCAL, UNKNOWN: its health
    checks). None when the connection isn't from a trusted network or the header isn't one."""
    try:
        address = ipaddress.ip_address(connected_from.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not any(address in network for network in trusted):
        return None
    try:
        header = await get_proxy(reader)
    except asyncio.IncompleteReadError:
        return None
    if not header.valid:
        return None
    if header.command == V2_CMD.LOCAL or header.family == AF.UNSPEC:
        return connected_from
    if header.family not in (AF.INET, AF.INET6) or header.protocol != PROTO.STREAM:
        return None
    return str(header.src_addr)
