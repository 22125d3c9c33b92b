"""Sign-ins. One flow a file; a flow yields LoginStep values and nothing is stored before it was verified."""
