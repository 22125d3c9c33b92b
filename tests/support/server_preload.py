"""What a server imports, also late: loaded once by the process from which servers are forked."""

from importlib import import_module

from tests.support import passwords

# By name: an import that nothing here uses is one that ruff takes away.
for module in (
    "app.__main__",
    "app.cli.root",
    "app.cli.server_start",
    "app.server.runner",
    "psycopg",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
):
    import_module(module)
passwords.make_cheap()
