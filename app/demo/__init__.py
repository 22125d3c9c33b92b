"""The demo: the app on a sample account server."""
