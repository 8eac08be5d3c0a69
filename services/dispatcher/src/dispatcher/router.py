"""From a domain to its next hop: a fixed route where one is set, else the servers that MX names.

Domains that share their servers share one hop, and so its connections and pauses.
"""

from dispatcher.mx import MxLookup
from dispatcher.routes import SMTP_PORT, Hop, Host, RouteTable


class Router:
    """`hop_for` is all that the delivery asks."""

    def __init__(self, routes: RouteTable, lookup: MxLookup) -> None:
        self._routes = routes
        self._lookup = lookup

    async def hop_for(self, domain: str) -> Hop:
        """The hop for a normalised domain. Raises mx.NoMail or mx.DnsTrouble."""
        fixed = self._routes.match(domain)
        if fixed is not None:
            return fixed
        names = await self._lookup.hosts(domain)
        key = "mx:" + ",".join(sorted(names))
        return Hop(key, tuple(Host(name, SMTP_PORT) for name in names))
