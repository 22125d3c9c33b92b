"""Chainloop: the control plane over gRPC, and what its own command line stores."""
