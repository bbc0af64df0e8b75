"""Who asks, and how much may they? Accounts, their members, API keys, quotas, rate limits."""
