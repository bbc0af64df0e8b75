"""Answers that join rooms: domain search, e-mail count."""
