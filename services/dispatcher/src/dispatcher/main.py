"""Process entry: settings, then the service's life."""

from dispatcher import NAME
from dispatcher.app import setup
from dispatcher.settings import Settings
from runtime.process import lifecycle
from runtime.settings import load


def main() -> None:
    """Run the dispatcher until it is told to stop. Ends by SystemExit."""
    settings = load(Settings)
    lifecycle.run(NAME, settings, lambda service: setup(service, settings))


if __name__ == "__main__":
    main()
