"""Loopin: a terminal account manager for Gumloop and Chainloop."""

__version__ = "0.1.0"
