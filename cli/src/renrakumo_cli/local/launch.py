"""Tiny first step of every child process: ask the kernel for a signal when the parent dies, then become the program.

Usage: python launch.py SIGNAL PARENT_PID PROGRAM [ARGUMENT ...]

It runs as a script of its own, because the request must be made inside the child, after any change of user namespace
(which would clear it), and because code between fork and exec in a threaded parent is not safe.
"""

import contextlib
import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask for the signal where the system knows how (Linux), then exec. Does not return."""
    signal_number, parent, *command = arguments
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != int(parent):  # the parent died before we asked
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  no shell is what we want


if __name__ == "__main__":
    main(sys.argv[1:])
