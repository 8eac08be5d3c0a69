"""Encrypts what is stored about persons, and hashes what they are found again by."""

from dataclasses import dataclass

from mail.addresses import mailbox_of
from runtime.crypto.ciphers import FieldCipher, KeyedHash


@dataclass(frozen=True, slots=True)
class PersonCrypto:
    """`cipher` encrypts columns, `lookup` makes the index of addresses and children, `sender` the key by which answers
    to one sender are limited, which ingress-smtp makes too."""

    cipher: FieldCipher
    lookup: KeyedHash
    sender: KeyedHash

    def encrypt(self, text: str, column: str, number: int) -> tuple[str, bytes]:
        """Key id and ciphertext for `table.column` of the row with that number; it opens nowhere else."""
        return self.cipher.encrypt(text, context=f"{column}:{number}")

    def decrypt(self, key_id: str, blob: bytes, column: str, number: int) -> str:
        """The text; CipherError when it was altered or belongs elsewhere."""
        return self.cipher.decrypt(key_id, bytes(blob), context=f"{column}:{number}")

    def decrypt_optional(self, key_id: str | None, blob: bytes | None, column: str, number: int) -> str | None:
        """The text of a column that may be NULL, None where it is; CipherError when altered or of another place."""
        return None if key_id is None or blob is None else self.decrypt(key_id, blob, column, number)

    def address_lookup(self, address: str) -> bytes:
        """Keyed hash by which an address is found; it must be normalised."""
        return self.lookup.digest(f"address\0{address}")

    def mailbox_lookup(self, address: str) -> bytes:
        """Keyed hash that all names of one mailbox (mail.addresses.mailbox_of) share; `address` must be normalised."""
        return self.lookup.digest(f"mailbox\0{mailbox_of(address)}")

    def child_lookup(self, unit: str, same_child: str) -> bytes:
        """Keyed hash by which a child of the unit is found; `same_child` is the text of naming.same_child."""
        return self.lookup.digest(f"child\0{unit}\0{same_child}")

    def sender_key(self, address: str) -> str:
        """By what answers to an address are limited, the same for all names of one mailbox; it must be normalised."""
        return self.sender.hexdigest(mailbox_of(address))
