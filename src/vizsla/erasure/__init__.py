"""Forget one person, or one domain, everywhere; and before that, show them what is held."""
