"""Accounts, users, API keys, plans, usage and rate limits."""
