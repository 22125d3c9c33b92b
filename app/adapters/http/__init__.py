"""What all HTTP of the client shares: retries, TLS, header values, the loopback callback server."""
