"""Federated tokens: CI systems that an organization trusts, and what their jobs may do."""
