"""Settings of info-site: environment variables with the prefix `RENRAKUMO_`."""

from pydantic import Field

from runtime.settings import ServiceSettings

SERVICE = "info-site"


class Settings(ServiceSettings):
    """`general_database_url`: the role `renrakumo_info_site`, which may read the office's public views only."""

    health_port: int = 9106
    general_database_url: str = Field(repr=False)
    info_host: str = "127.0.0.1"
    info_port: int = Field(default=8081, ge=0, le=65535)
    news_refresh: float = Field(default=5.0, gt=0)
