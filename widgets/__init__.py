"""The widgets: they get values and answer with messages."""
