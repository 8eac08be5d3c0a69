"""Listening sockets, and a clear word when a port is taken: it names the variable to change."""

import errno
import socket

from runtime.settings import EX_CONFIG


class PortTaken(SystemExit):
    """A port that we cannot listen on. Ends the process with exit code 78 after the message was shown."""

    def __init__(self, message: str) -> None:
        super().__init__(EX_CONFIG)
        self.message = message

    def __str__(self) -> str:
        return self.message


def bind_error(port: int, variable: str) -> PortTaken:
    """What to raise when `port` is in use; `variable` is the environment variable that sets it."""
    return PortTaken(f"Port {port} is already in use. Set {variable} to another port.")


def listen(host: str, port: int, variable: str, *, share: bool = False) -> socket.socket:
    """A bound, listening TCP socket (port 0: any). `share`: other processes of the same user may listen there too, and
    the system deals out the connections. Raises PortTaken when the port is in use or may not be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if share:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise bind_error(port, variable) from None
        if error.errno == errno.EACCES:
            raise PortTaken(f"Port {port} may not be used by this user. Set {variable} to another port.") from None
        raise
    listener.setblocking(False)
    return listener
