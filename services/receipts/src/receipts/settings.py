"""Settings of receipts: environment variables with the prefix `RENRAKUMO_`."""

from datetime import timedelta

from pydantic import Field

from runtime.settings import (
    CipherKeysSetting,
    KeyRingSetting,
    PublicKeysSetting,
    ReadingSettings,
)

SERVICE = "receipts"


class Settings(ReadingSettings):
    """Environment variables of receipts."""

    health_port: int = 9105
    nice: int = Field(default=10, ge=0, le=19)
    general_database_url: str = Field(repr=False)
    """The general database, with the user and password of the service's own role:
    `postgresql://role:password@host:port/database`."""
    token_keys: KeyRingSetting
    """Keys that make and check the tokens in reply and bounce addresses, current first."""
    content_keys: CipherKeysSetting
    """Keys that encrypt subjects and texts of messages, answers and dead letters in the general database, current
    first."""
    seal_private_keys: CipherKeysSetting
    """The service's own private keys, with which it opens what was sealed for it, current first."""
    seal_public_keys: PublicKeysSetting
    """Public keys of the services for which content is sealed."""

    registration_token_life: timedelta = timedelta(days=7)
    """How long after it was issued a token confirms a registration or a leaving."""
    post_token_life: timedelta = timedelta(hours=24)
    """How long after it was issued a token confirms a post."""
    answer_token_life: timedelta = timedelta(days=400)
    """How long after it was issued a token takes an answer."""
