"""HTTP: the sign-in pages and health. Translates requests into use cases and refusals into pages."""
