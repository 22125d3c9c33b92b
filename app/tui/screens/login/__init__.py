"""Sign-in: choose a method, then follow each step."""
