"""The account server: people sign in over HTTP, tokens and organizations are managed over gRPC.

`usecases` hold the rules over a database session; `rpc` and `http` only translate. Nothing that another
replica needs is kept in the process. Loaded on first use only: it needs the extra `server`.
"""
