"""Ports: which are free, and a message that names the variable to change when one is not."""

import errno
import random
import socket
from collections.abc import Mapping

from renrakumo_cli.local.paths import LocalError

# Below the range from which systems take the ports of outgoing connections, so that a server that is restarted
# finds its port still free.
_LOWEST, _HIGHEST = 20_000, 32_000


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Could a server listen on this port now?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free at this moment. Raises LocalError when none is found."""
    for _ in range(200):
        port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311  no secret
        if is_free(port, host):
            return port
    raise LocalError("No free port was found.")


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Does a server accept connections there?"""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def check(wanted: Mapping[str, tuple[str, int]]) -> None:
    """Check all ports before anything is started: variable name -> (host, port).

    Raises LocalError that names each port in use and the variable that moves it.
    """
    seen: dict[tuple[str, int], str] = {}
    complaints: list[str] = []
    for variable, (host, port) in wanted.items():
        if (host, port) in seen:
            complaints.append(f"port {port} is wanted twice, by {seen[host, port]} and {variable}")
        elif not is_free(port, host):
            complaints.append(f"port {port} is in use: set {variable} to another one")
        seen[host, port] = variable
    if complaints:
        raise LocalError("\n".join(complaints))
