"""Process entry: settings, then the service's life."""

from dispatcher.app import set_up
from dispatcher.settings import SERVICE, Settings
from runtime.process import lifecycle
from runtime.settings import load


def main() -> None:
    """Run the dispatcher until it is told to stop. Ends by SystemExit."""
    settings = load(Settings)
    lifecycle.run(SERVICE, settings, lambda service: set_up(service, settings))


if __name__ == "__main__":
    main()
