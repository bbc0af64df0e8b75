"""Alembic's entry point."""

from vizsla.storage.migrations.environment import run

run()
