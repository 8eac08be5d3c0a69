"""`renrakumo`, the operator's command line. Commands live in `commands/`, one file a family, mounted here."""

import typer

from renrakumo_cli.commands import accounts, bus, carriers, classify, dkim, doctor, keys, send_test, up

app = typer.Typer(
    help="Run and look after Renrakumo.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(up.app)
app.add_typer(keys.app, name="keys")
app.add_typer(dkim.app, name="dkim")
app.add_typer(bus.app, name="bus")
app.add_typer(accounts.operator, name="operator")
app.add_typer(accounts.unit, name="unit")
app.add_typer(accounts.administrator, name="administrator")
app.add_typer(carriers.app, name="carriers")
app.add_typer(doctor.app)
app.add_typer(send_test.app)
app.add_typer(classify.app)
