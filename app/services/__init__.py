"""The shared service layer: one use case a class, async, ports injected, frozen values in and out."""
