"""The world outside, one package each: what implements the ports of the domain."""
