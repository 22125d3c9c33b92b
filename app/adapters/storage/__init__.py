"""What Loopin keeps in files: accounts, activity, preferences. No secret is in them."""
