"""Reaching out: the egress guard, the resolver, the HTTP client. No private address is reached unless a setting allows it."""
