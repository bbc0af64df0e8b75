"""Alembic's scripts: `app` and `index`, each one chain for both dialects."""
