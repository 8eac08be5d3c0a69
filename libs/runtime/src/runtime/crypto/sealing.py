"""Sealing: what is about a person crosses the bus only inside a box that one service can open.

NaCl sealed boxes (X25519 + XSalsa20-Poly1305, anonymous sender). The sender knows public keys only, so a stolen
sender can read nothing, not even what it sealed itself. The key id travels with the box so that keys can be changed.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import TypeVar

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from pydantic import BaseModel, ValidationError

from contracts.sealed import Sealed
from runtime.crypto.keys import KeyRing
from runtime.errors import SealError

M = TypeVar("M", bound=BaseModel)


class Sealer:
    """Seals for the services whose public keys it was given (service -> key id, 32 bytes)."""

    def __init__(self, public: Mapping[str, tuple[str, bytes]]) -> None:
        self._boxes = {service: (key_id, SealedBox(PublicKey(key))) for service, (key_id, key) in public.items()}

    def seal(self, model: BaseModel, recipient: str) -> Sealed:
        """`model` as JSON inside a box for `recipient`; SealError when there is no key for that service."""
        if recipient not in self._boxes:
            raise SealError("no_public_key_for_recipient")
        key_id, box = self._boxes[recipient]
        sealed = box.encrypt(model.model_dump_json().encode())
        return Sealed(recipient=recipient, key_id=key_id, box=base64.b64encode(sealed).decode())


class Opener:
    """Opens what was sealed for `service`, with any key of its ring."""

    def __init__(self, service: str, private: KeyRing) -> None:
        self._service = service
        self._boxes = {key_id: SealedBox(PrivateKey(key)) for key_id, key in private.items()}

    def open(self, sealed: Sealed, model: type[M]) -> M:
        """The model inside; SealError (permanent) when it is not for us, not ours to open, or not that model."""
        if sealed.recipient != self._service:
            raise SealError("sealed_for_another_service")
        box = self._boxes.get(sealed.key_id)
        if box is None:
            raise SealError("sealed_with_unknown_key")
        try:
            plain = box.decrypt(base64.b64decode(sealed.box, validate=True))
        except (CryptoError, binascii.Error, ValueError):
            raise SealError("sealed_box_does_not_open") from None
        try:
            return model.model_validate_json(plain)
        except ValidationError:
            # The cause holds the opened text, so it must not travel on with the error.
            raise SealError("sealed_content_not_understood") from None
