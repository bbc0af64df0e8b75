"""Forget one person or one domain, everywhere."""
