"""Settings of registry: environment variables with the prefix `RENRAKUMO_`."""

from datetime import timedelta

from runtime.settings import (
    CipherKeysSetting,
    PublicKeysSetting,
    SecretKeySetting,
    ServiceSettings,
)

SERVICE = "registry"


class Settings(ServiceSettings):
    """`personal_database_url`: the role `renrakumo_registry`. `address_keys` encrypt addresses, names and words at
    rest; `lookup_key` makes the index by which an address is found again; `sender_key` is ingress-smtp's too.
    `undo_life`: for so long the commands of administrators can be undone."""

    health_port: int = 9102
    personal_database_url: str
    address_keys: CipherKeysSetting
    lookup_key: SecretKeySetting
    sender_key: SecretKeySetting
    seal_private_keys: CipherKeysSetting
    seal_public_keys: PublicKeysSetting

    confirmation_life: timedelta = timedelta(days=7)
    pending_life: timedelta = timedelta(days=30)
    done_leave_life: timedelta = timedelta(days=7)
    post_life: timedelta = timedelta(days=30)
    undo_life: timedelta = timedelta(days=30)
