"""The CI system of these tests."""

from tests.support.issuer import issuer

__all__ = ["issuer"]
