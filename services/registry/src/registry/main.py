"""The process: `python -m registry.main`."""

from registry.app import set_up
from registry.settings import SERVICE, Settings
from runtime.process.lifecycle import run
from runtime.settings import load


def main() -> None:
    settings = load(Settings)
    run(SERVICE, settings, lambda service: set_up(service, settings))


if __name__ == "__main__":
    main()
