"""The registry: every action of the app, once.

Bindings, the palette, the help screen and docs/keymap.md are made from it.
"""
