"""Values and rules. Standard library only; every other room may import this one."""
