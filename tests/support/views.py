"""Stand-ins for views that another service provides, made from what the contract says of them and nothing else."""

from contracts.views import DatabaseView


def role(service: str) -> str:
    """Name of a service's role in PostgreSQL."""
    return f"renrakumo_{service.replace('-', '_')}"


def stand_in(view: DatabaseView) -> str:
    """SQL for a table of the view's name, columns and rights; to be run by the view's owner."""
    columns = ", ".join(f'"{name}" {kind}' for name, kind in view.columns.items())
    readers = ", ".join(role(reader) for reader in view.readers)
    return f"CREATE TABLE {view.qualified} ({columns}); GRANT SELECT ON {view.qualified} TO {readers};"
