"""A port that is taken ends `renrakumo up` with words that name the variable to change, before anything was started."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from simulator.office import RENRAKUMO

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    "variable", ["RENRAKUMO_SMTP_PORT", "RENRAKUMO_POSTGRES_PORT", "RENRAKUMO_REGISTRY_HEALTH_PORT"]
)
async def test_the_operator_is_told_which_variable_moves_a_port_that_is_taken(tmp_path: Path, variable: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            str(RENRAKUMO),
            "up",
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "RENRAKUMO_STATE_DIR": str(tmp_path / "state"),
                variable: str(port),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
    assert process.returncode == 1
    assert f"port {port} is in use: set {variable} to another one" in err.decode()
    assert not (tmp_path / "state" / "postgres").exists()
