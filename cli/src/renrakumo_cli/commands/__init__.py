"""One file per family of commands; each holds a typer app `app` that main.py mounts."""
