"""The OAuth 2.0 authorization server: Authlib's grants and endpoints over our tables.

`rules` are the numbers and words, `store` what a request reads and writes, `grants` the flows, `server` puts
them together. Only `app.server.http` calls it.
"""
