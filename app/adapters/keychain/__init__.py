"""Where secrets are stored: the keychain of the operating system, or memory."""
