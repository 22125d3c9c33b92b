"""Tables, migrations and transactions of the account server."""
