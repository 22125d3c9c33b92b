"""The tour: the demo plays itself, with captions."""
