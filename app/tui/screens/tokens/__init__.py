"""Tokens: list, create, rotate and revoke API tokens."""
