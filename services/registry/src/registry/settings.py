"""Settings of registry: environment variables with the prefix `RENRAKUMO_`."""

from datetime import timedelta

from pydantic import Field

from runtime.settings import (
    CipherKeysSetting,
    PublicKeysSetting,
    SecretKeySetting,
    ServiceSettings,
)

SERVICE = "registry"


class Settings(ServiceSettings):
    """Environment variables of registry."""

    health_port: int = 9102
    personal_database_url: str = Field(repr=False)
    """The personal database, with the user and password of the role `renrakumo_registry`."""
    address_keys: CipherKeysSetting
    """Keys that encrypt addresses, names and words in the personal database, current first."""
    lookup_key: SecretKeySetting
    """Key of the index by which an address is found again; it is never changed."""
    sender_key: SecretKeySetting
    """Key of the hash by which mail of one address is counted without knowing it; the same for ingress-smtp and
    registry."""
    seal_private_keys: CipherKeysSetting
    """The service's own private keys, with which it opens what was sealed for it, current first."""
    seal_public_keys: PublicKeysSetting
    """Public keys of the services for which content is sealed."""

    confirmation_life: timedelta = timedelta(days=7)
    """How long a registration or a leave request waits for its confirmation."""
    pending_life: timedelta = timedelta(days=30)
    """How long a registration that nobody confirmed is kept until it is erased."""
    done_leave_life: timedelta = timedelta(days=7)
    """How long a leave request that is done is kept until it is erased."""
    post_life: timedelta = timedelta(days=30)
    """How long a post is kept until it is erased."""
    undo_life: timedelta = timedelta(days=30)
    """How long a command of an administrator can be undone; the same for registry and admin-api, which keeps finished
    commands five days longer."""
