"""Keys of the vault: encrypts what is stored about persons, and hashes what they are found again by."""

from dataclasses import dataclass

from mail.addresses import mailbox_of
from runtime.crypto.ciphers import FieldCipher, KeyedHash


@dataclass(frozen=True, slots=True)
class Vault:
    """`cipher` for the columns, `lookup` for the index of addresses and children, `sender` as the front door has it."""

    cipher: FieldCipher
    lookup: KeyedHash
    sender: KeyedHash

    def lock(self, text: str, column: str, number: int) -> tuple[str, bytes]:
        """Key id and ciphertext for `table.column` of the row with that number; it opens nowhere else."""
        return self.cipher.encrypt(text, context=f"{column}:{number}")

    def unlock(self, key_id: str, blob: bytes, column: str, number: int) -> str:
        """The text; CipherError when it was altered or belongs elsewhere."""
        return self.cipher.decrypt(key_id, bytes(blob), context=f"{column}:{number}")

    def unlock_optional(self, key_id: str | None, blob: bytes | None, column: str, number: int) -> str | None:
        return None if key_id is None or blob is None else self.unlock(key_id, blob, column, number)

    def address_lookup(self, address: str) -> bytes:
        """`address` must be normalised."""
        return self.lookup.digest(f"address\0{address}")

    def mailbox_lookup(self, address: str) -> bytes:
        """The same for all names of one mailbox (mail.addresses.mailbox_of); `address` must be normalised."""
        return self.lookup.digest(f"mailbox\0{mailbox_of(address)}")

    def child_lookup(self, unit: str, same_child: str) -> bytes:
        return self.lookup.digest(f"child\0{unit}\0{same_child}")

    def sender_key(self, address: str) -> str:
        """By what answers to an address are limited, the same for all names of one mailbox; it must be normalised."""
        return self.sender.hexdigest(mailbox_of(address))
