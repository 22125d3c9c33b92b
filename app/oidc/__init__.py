"""Reading and verifying JWTs, for clients and for the server."""
