"""Process entry of registry."""

from registry.app import setup
from registry.settings import SERVICE, Settings
from runtime.lifecycle import run
from runtime.settings import load


def main() -> None:
    settings = load(Settings)
    run(SERVICE, settings, lambda service: setup(service, settings))


if __name__ == "__main__":
    main()
