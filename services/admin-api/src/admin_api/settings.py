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
    """Environment variables of admin-api."""

    health_port: int = 9107
    web_host: str = "127.0.0.1"
    """Address on which the REST API is served."""
    web_port: int = Field(default=8080, ge=0, le=65535)
    """Port on which the REST API is served; 0: any."""
    general_database_url: str = Field(repr=False)
    """The general database, with the user and password of the service's own role:
    `postgresql://role:password@host:port/database`."""
    content_keys: CipherKeysSetting
    """Keys that encrypt subjects and texts of messages, answers and dead letters in the general database, current
    first."""
    post_secret_key: SecretKeySetting
    """Key of the hash of a group's secret post address; the same for ingress-smtp and admin-api."""
    seal_public_keys: PublicKeysSetting
    """Public keys of the services for which content is sealed."""

    cookie_secure: bool = True
    """The session cookie travels over https only; off for a trial without TLS."""
    session_idle: timedelta = timedelta(minutes=60)
    """An account's session ends so long after its last use."""
    session_life: timedelta = timedelta(hours=12)
    """An account's session ends so long after its sign-in in any case."""
    command_wait: timedelta = timedelta(seconds=3)
    """A request that changes something at registry waits for the result so long; then it is answered with where to
    look for it."""
    undo_life: timedelta = timedelta(days=30)
    """How long a command of an administrator can be undone; the same for registry and admin-api, which keeps finished
    commands five days longer."""
    dead_letter_days: int = Field(default=30, ge=1, le=90)
    """Days after which a dead letter is erased, if the operator has not decided about it."""

    @field_validator("seal_public_keys")
    @classmethod
    def _complete(cls, value: PublicKeysSetting) -> PublicKeysSetting:
        missing = [service for service in ("registry", "dispatcher") if service not in value]
        if missing:
            raise ValueError(f"no public key of {', '.join(missing)}")
        return value
