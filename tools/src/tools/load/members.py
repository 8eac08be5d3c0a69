"""A whole town of members, written into the personal database in bulk: registering 100,000 people by mail isn't what is measured."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count

import asyncpg

from mail.addresses import carrier_of, normalise
from registry.person_crypto import PersonCrypto
from registry.store import addresses
from renrakumo_cli.local.stack import LocalStack
from runtime.ids import new_id
from simulator import seeding

_ADDRESSES = ("id", "key_id", "ciphertext", "lookup", "carrier")
_MEMBERS = ("id", "unit", "address_id", "since")
_MEMBERSHIPS = ("member", "group_code", "since")


async def enter(stack: LocalStack, unit: str, groups: Mapping[str, Sequence[str]]) -> None:
    """Make these people members; `groups`: group code -> addresses, each of which may be in several groups.

    Rows are as registry writes them, encrypted and hashed with its keys. The unit must have no members at these
    addresses yet.
    """
    crypto, numbers, at = seeding.crypto(stack), count(new_id()), datetime.now(UTC)
    people = {address: next(numbers) for addresses_ in groups.values() for address in addresses_}
    connection = await asyncpg.connect(stack.database_url("registry"))
    try:
        async with connection.transaction():
            rows = [_address(crypto, address, number) for address, number in people.items()]
            await connection.copy_records_to_table("addresses", records=rows, columns=_ADDRESSES)
            members = ((number, unit, number, at) for number in people.values())
            await connection.copy_records_to_table("members", records=members, columns=_MEMBERS)
            places = ((people[address], group, at) for group, here in groups.items() for address in here)
            await connection.copy_records_to_table("memberships", records=places, columns=_MEMBERSHIPS)
        # As the server does by itself within a minute: whoever reads rows first after that finds them tidy.
        await connection.execute("VACUUM (ANALYZE) addresses, members, memberships")
    finally:
        await connection.close()


def _address(crypto: PersonCrypto, text: str, number: int) -> tuple[int, str, bytes, bytes, str]:
    address = normalise(text)
    key_id, ciphertext = crypto.encrypt(address, addresses.COLUMN, number)
    return number, key_id, ciphertext, crypto.address_lookup(address), carrier_of(address.rpartition("@")[2])
