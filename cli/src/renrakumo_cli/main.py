"""`renrakumo`, the operator's command line. Commands live in `commands/`, one file a family, mounted here."""

import typer

from renrakumo_cli.commands import bus, classify, doctor, keys, up

app = typer.Typer(
    help="Run and look after Renrakumo.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(up.app)
app.add_typer(keys.app, name="keys")
app.add_typer(bus.app, name="bus")
app.add_typer(doctor.app)
app.add_typer(classify.app)
