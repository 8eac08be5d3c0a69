"""The process: `python -m responder.main`."""

from responder.app import set_up
from responder.settings import SERVICE, Settings
from runtime.process import lifecycle
from runtime.settings import load


def main() -> None:
    settings = load(Settings)
    lifecycle.run(SERVICE, settings, lambda service: set_up(service, settings))


if __name__ == "__main__":
    main()
