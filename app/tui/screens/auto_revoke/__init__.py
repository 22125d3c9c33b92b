"""Auto-revoke: how many days a token may go unused."""
