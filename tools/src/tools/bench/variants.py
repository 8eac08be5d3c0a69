"""How our dispatcher is set up for a measurement: signing or not, and whose limits it keeps.

The carriers' limits would be all that is measured, so the benchmark lays a file over them that lets go; one variant
keeps what is shipped.
"""

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator.crowd import DOMAINS
from simulator.trial import BASE_DOMAIN
from tools.bench.figures import FULL_PATH, SHIPPED_LIMITS
from tools.load.carriers import CONNECTIONS_A_CARRIER, lifted_limits

SESSIONS = CONNECTIONS_A_CARRIER * len(DOMAINS)
"""Open to the sink at once, all carriers together."""

_RSA_BITS = 2048


@dataclass(frozen=True)
class Variant:
    """`dkim`: off or rsa; `free`: the carriers' limits are lifted."""

    case: str
    dkim: str
    free: bool = True

    def settings(self, folder: Path) -> dict[str, str]:
        """Variables for the dispatcher; `folder` is where a file for it can lie."""
        chosen: dict[str, str] = {}
        if self.free:
            path = folder / "carriers.yaml"
            path.write_text(lifted_limits())
            chosen["RENRAKUMO_CARRIERS"] = str(path)
        if self.dkim == "rsa":
            chosen["RENRAKUMO_DKIM_KEYS"] = _key()
        return chosen


PLAIN = Variant(FULL_PATH, "off")
SIGNED = Variant(FULL_PATH, "rsa")
SHIPPED = Variant(SHIPPED_LIMITS, "off", free=False)


def _key() -> str:
    private = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    octets = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return f"{BASE_DOMAIN}:bench:rsa:{base64.b64encode(octets).decode()}"
