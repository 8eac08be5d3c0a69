"""The process: `python -m admin_api.main`."""

from admin_api.app import set_up
from admin_api.settings import SERVICE, Settings
from runtime.process import lifecycle
from runtime.settings import load


def main() -> None:
    """Run admin-api until it is told to stop."""
    settings = load(Settings)
    lifecycle.run(SERVICE, settings, lambda service: set_up(service, settings))


if __name__ == "__main__":
    main()
