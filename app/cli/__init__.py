"""The command line: parse, call one service, print. `root.run` is the way in."""
