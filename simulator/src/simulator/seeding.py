"""Members put straight into the personal database by registry's own hand, where a test needs many and registering isn't its point."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from mail.addresses import normalise
from registry import naming
from registry.person_crypto import PersonCrypto
from registry.settings import SERVICE
from registry.store import addresses, members
from renrakumo_cli.local.stack import LocalStack
from runtime.crypto.ciphers import FieldCipher, KeyedHash
from runtime.database.engine import create_engine
from simulator.bus_view import key_ring, single_key
from simulator.people import Parent


def crypto(stack: LocalStack) -> PersonCrypto:
    """What encrypts the personal database, with the stack's own keys."""
    return PersonCrypto(
        FieldCipher(key_ring(stack, SERVICE, "RENRAKUMO_ADDRESS_KEYS")),
        KeyedHash(single_key(stack, SERVICE, "RENRAKUMO_LOOKUP_KEY")),
        KeyedHash(single_key(stack, SERVICE, "RENRAKUMO_SENDER_KEY")),
    )


def engine(stack: LocalStack) -> AsyncEngine:
    """The personal database, as registry enters it."""
    return create_engine(stack.database_url("registry"), service="tests")


async def enter(
    stack: LocalStack, unit: str, group: str, people: Sequence[Parent], *, named: bool = False
) -> dict[int, Parent]:
    """Make these people members of the group, at once; member's number -> parent."""
    keys, database, known = crypto(stack), engine(stack), dict[int, Parent]()
    try:
        async with database.begin() as connection:
            for parent in people:
                address = await addresses.lock_or_add(connection, keys, normalise(parent.address))
                at = datetime.now(UTC)
                number = await members.join(connection, unit=unit, address_id=address.id, group=group, at=at)
                known[number] = parent
                if named:
                    words = "\n".join(parent.name_lines)
                    person = naming.read(words)
                    await members.name(
                        connection, keys, unit=unit, member=number, group=group, person=person, original=words
                    )
    finally:
        await database.dispose()
    return known
