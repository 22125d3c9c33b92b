"""The full-screen app, on Textual."""
