"""The account server: people sign in over HTTP, tokens and organizations are managed over gRPC.

`core` has the use cases over a database session of `persistence`; `rpc` and `web` only translate. Nothing
that another replica needs is kept in the process. Loaded on first use only: it needs the extra `server`.
"""
