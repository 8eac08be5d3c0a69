"""A member together with his address, which is the lock of whatever happens to him."""

from sqlalchemy.ext.asyncio import AsyncConnection

from registry.person_crypto import PersonCrypto
from registry.store import addresses, members
from registry.store.addresses import Address
from registry.store.members import Member


async def lock(
    connection: AsyncConnection, crypto: PersonCrypto, unit: str, member: int
) -> tuple[Member | None, Address | None]:
    """The member of the unit with that number and his address; while he has one, nothing about him changes until the
    transaction ends."""
    found = await members.by_id(connection, unit, member)
    if found is None or found.address_id is None:
        return found, None
    address = await addresses.lock_by_id(connection, crypto, found.address_id)
    return await members.by_id(connection, unit, member), address
