"""This machine: browser, clipboard, clock, processes, network."""
