"""Settings of admin-api: environment variables with the prefix `RENRAKUMO_`."""

from datetime import timedelta

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.settings import PREFIX, CipherKeysSetting, PublicKeysSetting, SecretKeySetting, ServiceSettings

SERVICE = "admin-api"
SCHEMA = "office"


class OfficeSettings(BaseSettings):
    """What the operator's command line needs to use admin-api's handlers: the database and its content keys."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    general_database_url: str = Field(repr=False)
    content_keys: CipherKeysSetting


class Settings(ServiceSettings):
    """`general_database_url`: the role `renrakumo_admin_api`. `cookie_secure`: the session cookie travels over https
    only; switch it off for a trial without TLS. A session ends `session_idle` after its last use, and after
    `session_life` in any case. What could not be processed is erased after `dead_letter_days`, if the operator has not
    decided about it."""

    health_port: int = 9107
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8080, ge=0, le=65535)
    general_database_url: str = Field(repr=False)
    content_keys: CipherKeysSetting
    post_secret_key: SecretKeySetting
    seal_public_keys: PublicKeysSetting

    cookie_secure: bool = True
    session_idle: timedelta = timedelta(minutes=60)
    session_life: timedelta = timedelta(hours=12)
    dead_letter_days: int = Field(default=30, ge=1, le=90)

    @field_validator("seal_public_keys")
    @classmethod
    def _complete(cls, value: PublicKeysSetting) -> PublicKeysSetting:
        missing = [service for service in ("registry", "dispatcher") if service not in value]
        if missing:
            raise ValueError(f"no public key of {', '.join(missing)}")
        return value
