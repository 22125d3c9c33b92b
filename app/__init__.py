"""Loopin: a terminal account manager for Gumloop and Chainloop."""

__version__ = "1.0.0"
