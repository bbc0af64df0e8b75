"""Vizsla finds, verifies and reaches the people behind any domain."""

__version__ = "0.1.0"
