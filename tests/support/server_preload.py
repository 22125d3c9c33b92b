"""What a server imports, also late: loaded once by the process from which test servers are forked."""

from importlib import import_module

from tests.support import passwords

# By name, since ruff removes an import that nothing here uses.
for module in (
    *(
        "app.__main__",
        "app.adapters.system.hardening",
        "app.cli.root",
        "app.cli.server",
        "app.cli.server_start",
    ),
    *(
        "app.server.main",
        "app.server.sample_data",
        "app.server.persistence.migrate",
    ),
    *("app.server.web.server", "app.server.rpc.server", "alembic.command", "alembic.ddl.sqlite"),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg", "psycopg", "encodings.idna"),
):
    import_module(module)

passwords.make_cheap()
