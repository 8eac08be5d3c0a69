"""What is sealed or encrypted opens only where and as it should."""

import base64
import secrets

import pytest
from nacl.public import PrivateKey
from pydantic import BaseModel

from contracts.sealed import Sealed
from runtime.crypto.ciphers import FieldCipher, KeyedHash
from runtime.crypto.keys import KeyRing, parse_public_keys
from runtime.crypto.sealing import Opener, Sealer
from runtime.errors import CipherError, PermanentError, SealError
from runtime.ids import new_id


class Card(BaseModel):
    address: str


class Other(BaseModel):
    number: int


CARD = Card(address="taro@docomo.ne.jp")


def pair() -> tuple[bytes, bytes]:
    key = PrivateKey.generate()
    return bytes(key), bytes(key.public_key)


def test_only_the_recipient_opens_a_box() -> None:
    private, public = pair()
    sealed = Sealer({"registry": ("k1", public)}).seal(CARD, "registry")
    assert (sealed.recipient, sealed.key_id) == ("registry", "k1")
    assert b"docomo" not in base64.b64decode(sealed.box)
    assert Opener("registry", KeyRing({"k1": private})).open(sealed, Card) == CARD


def test_a_wrong_key_is_refused_for_good() -> None:
    _, public = pair()
    other, _ = pair()
    sealed = Sealer({"registry": ("k1", public)}).seal(CARD, "registry")
    with pytest.raises(SealError) as caught:
        Opener("registry", KeyRing({"k1": other})).open(sealed, Card)
    assert isinstance(caught.value, PermanentError)
    with pytest.raises(SealError):
        Opener("registry", KeyRing({"k2": other})).open(sealed, Card)
    with pytest.raises(SealError):
        Opener("receipts", KeyRing({"k1": other})).open(sealed, Card)


def test_an_altered_box_or_another_content_is_refused_without_showing_it() -> None:
    private, public = pair()
    opener = Opener("registry", KeyRing({"k1": private}))
    sealed = Sealer({"registry": ("k1", public)}).seal(CARD, "registry")
    with pytest.raises(SealError) as caught:
        opener.open(sealed, Other)
    assert "docomo" not in str(caught.value)
    assert caught.value.__cause__ is None
    for box in ("", "%%%", base64.b64encode(b"x" * 80).decode(), sealed.box[:-8] + "AAAAAAA="):
        with pytest.raises(SealError):
            opener.open(Sealed(recipient="registry", key_id="k1", box=box), Card)


def test_boxes_made_with_the_former_key_still_open() -> None:
    old_private, old_public = pair()
    new_private, _ = pair()
    sealed = Sealer({"registry": ("old", old_public)}).seal(CARD, "registry")
    assert Opener("registry", KeyRing({"new": new_private, "old": old_private})).open(sealed, Card) == CARD


def test_a_field_decrypts_only_in_its_place() -> None:
    cipher = FieldCipher(KeyRing({"k1": secrets.token_bytes(32)}))
    key_id, blob = cipher.encrypt("山田 太郎", context="member.name:1")
    assert cipher.decrypt(key_id, blob, context="member.name:1") == "山田 太郎"
    with pytest.raises(CipherError):
        cipher.decrypt(key_id, blob, context="member.name:2")
    with pytest.raises(CipherError):
        cipher.decrypt("k9", blob, context="member.name:1")
    with pytest.raises(CipherError):
        cipher.decrypt(key_id, blob[:-1] + bytes([blob[-1] ^ 1]), context="member.name:1")
    with pytest.raises(CipherError):
        cipher.decrypt(key_id, b"", context="member.name:1")


def test_new_fields_use_the_current_key_and_old_ones_still_decrypt() -> None:
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    key_id, blob = FieldCipher(KeyRing({"old": old})).encrypt("x", context="c")
    both = FieldCipher(KeyRing({"new": new, "old": old}))
    assert both.decrypt(key_id, blob, context="c") == "x"
    assert both.encrypt("x", context="c")[0] == "new"


def test_a_keyed_hash_depends_on_key_and_text() -> None:
    one, two = KeyedHash(b"1" * 32), KeyedHash(b"2" * 32)
    assert one.hexdigest("a") == one.hexdigest("a") == one.digest("a").hex()
    assert len({one.hexdigest("a"), one.hexdigest("b"), two.hexdigest("a")}) == 3


def test_key_rings_are_read_and_never_show_a_key() -> None:
    key = secrets.token_bytes(32)
    ring = KeyRing.parse(f" b:{base64.b64encode(key).decode()} , a:{base64.urlsafe_b64encode(b'x' * 32).decode()}")
    assert ring.current == ("b", key)
    assert list(ring) == [key, b"x" * 32]
    assert ring.get("a") == b"x" * 32
    assert ring.get("c") is None
    assert repr(ring) == "KeyRing(b, a)"


@pytest.mark.parametrize(
    "text", ["", "nocolon", "a:!!!!", "a:c2hvcnQ=", "a b:" + "A" * 43 + "=", "a:" + "A" * 44 + "x="]
)
def test_a_bad_key_ring_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        KeyRing.parse(text, size=32)
    assert not text or text.partition(":")[2] == "" or text.partition(":")[2] not in str(caught.value)


def test_public_keys_are_read_by_service() -> None:
    encoded = base64.b64encode(b"p" * 32).decode()
    keys = parse_public_keys(f"registry:k1:{encoded},dispatcher:k7:{encoded}")
    assert keys["dispatcher"] == ("k7", b"p" * 32)
    with pytest.raises(ValueError):
        parse_public_keys(f"registry:{encoded}")


def test_ids_are_positive_63_bit_numbers_in_the_order_of_time() -> None:
    ids = [new_id(now_ms=1_800_000_000_000 + step) for step in range(200)]
    assert ids == sorted(ids)
    assert len({new_id() for _ in range(20_000)}) == 20_000
    assert len({new_id(now_ms=1_800_000_000_000) for _ in range(20_000)}) == 20_000
    assert all(0 < number < 2**63 for number in ids)
