"""The small nouns every room speaks: addresses, domains, errors, settings, the clock. Nothing here does I/O but reading settings."""
