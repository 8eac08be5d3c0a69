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
    """`general_database_url`: the role `renrakumo_receipts`. Token and content keys: rings, current first.

    It stands back when everybody is at it: what has come in is safe and can wait, what is to go out can't."""

    health_port: int = 9105
    nice: int = Field(default=10, ge=0, le=19)
    general_database_url: str = Field(repr=False)
    token_keys: KeyRingSetting
    content_keys: CipherKeysSetting
    seal_private_keys: CipherKeysSetting
    seal_public_keys: PublicKeysSetting

    registration_token_life: timedelta = timedelta(days=7)
    post_token_life: timedelta = timedelta(hours=24)
    answer_token_life: timedelta = timedelta(days=400)
