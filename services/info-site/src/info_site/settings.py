"""Settings of info-site: environment variables with the prefix `RENRAKUMO_`."""

from pydantic import Field

from runtime.settings import ServiceSettings

SERVICE = "info-site"


class Settings(ServiceSettings):
    """Environment variables of info-site."""

    health_port: int = 9106
    general_database_url: str = Field(repr=False)
    """The general database, with the user and password of the service's own role:
    `postgresql://role:password@host:port/database`."""
    info_host: str = "127.0.0.1"
    """Address on which the info site is served."""
    info_port: int = Field(default=8081, ge=0, le=65535)
    """Port on which the info site is served; 0: any."""
    news_refresh: float = Field(default=5.0, gt=0)
    """Seconds after which the boards are read anew."""
    board_memory: int = Field(default=256, ge=1)
    """MiB that all boards together may take in memory; those that don't fit are read when somebody asks."""
