"""Gumloop: the API and the OAuth endpoints, over httpx."""
