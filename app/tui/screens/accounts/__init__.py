"""Accounts: who is signed in at each provider, and with which credential."""
