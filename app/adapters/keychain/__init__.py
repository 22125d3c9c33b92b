"""Where secrets are: the keychain of the operating system, or memory."""
