"""docs/settings.md is what the settings classes say, and shows no secret."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from runtime.settings import KeyRingSetting, ServiceSettings
from tools.settings_reference import reference, render, variables

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make docs`"


class Example(ServiceSettings):
    """A service's settings."""

    health_port: int = 9999
    secret: SecretStr = SecretStr("s3cret")
    """What nobody sees."""
    hidden: str = Field(default="s3cret", repr=False)
    """What is not shown either."""
    keys: KeyRingSetting
    """Keys
    on two lines."""
    life: timedelta = timedelta(days=7)
    """How | long."""
    often: float | None = Field(default=None, gt=0, le=5)
    """How often."""
    eager: bool = True
    """Whether."""


def test_each_variable_has_its_type_default_and_description() -> None:
    page = render(variables("example", Example), services=7)
    assert [
        line for line in page.splitlines() if any(f"_{name}`" in line for name in ("KEYS", "LIFE", "OFTEN", "EAGER"))
    ] == [
        "| `RENRAKUMO_EAGER` | `on` or `off` | `on` | Whether. |",
        "| `RENRAKUMO_KEYS` | `id:base64`, comma between, secret | required | Keys on two lines. |",
        r"| `RENRAKUMO_LIFE` | duration (`PT1H`, `P7D`) | `P7D` | How \| long. |",
        "| `RENRAKUMO_OFTEN` | number, more than 0, at most 5 | none | How often. |",
    ]


def test_no_default_of_a_secret_is_shown() -> None:
    assert "s3cret" not in render(variables("example", Example), services=7)


def test_a_default_that_differs_names_the_services() -> None:
    class Other(Example):
        """One that keeps all but a default."""

        life: timedelta = timedelta(hours=1)

    page = render([*variables("a", Example), *variables("b", Other)], services=7)
    assert "| `RENRAKUMO_LIFE` | a, b | duration (`PT1H`, `P7D`) | `P7D` (a), `PT1H` (b) |" in page


def test_a_variable_without_a_description_is_refused() -> None:
    class Silent(ServiceSettings):
        """Says nothing of its field."""

        something: int = 1

    with pytest.raises(ValueError, match="something has no description"):
        variables("silent", Silent)
