"""Settings of responder: environment variables with the prefix `RENRAKUMO_`."""

from pydantic import Field, field_validator

from runtime.settings import PublicKeysSetting, ServiceSettings

SERVICE = "responder"


class Settings(ServiceSettings):
    """Environment variables of responder."""

    health_port: int = 9104
    general_database_url: str = Field(repr=False)
    """The general database, with the user and password of the service's own role:
    `postgresql://role:password@host:port/database`."""
    seal_public_keys: PublicKeysSetting
    """Public keys of the services for which content is sealed."""
    answers_per_hour: int = Field(default=6, ge=1, le=1000)
    """Guides, refusals and news that one address gets in an hour at most."""
    unproven_answers_per_hour: int = Field(default=3, ge=1, le=1000)
    """The most that an address gets in an hour while neither SPF nor DKIM shows that the questions came from there."""
    news_refresh: float = Field(default=5.0, gt=0)
    """Seconds after which the boards are read anew."""
    board_memory: int = Field(default=256, ge=1)
    """MiB that all boards together may take in memory; those that don't fit are read when somebody asks."""

    @field_validator("seal_public_keys")
    @classmethod
    def _complete(cls, value: PublicKeysSetting) -> PublicKeysSetting:
        if "dispatcher" not in value:
            raise ValueError("no public key of dispatcher")
        return value
