"""Activity: what Loopin did on this machine."""
