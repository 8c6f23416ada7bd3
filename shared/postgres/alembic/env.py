"""Alembic's entry, the same for every service; everything is in shared.postgres.migrating."""

from shared.postgres.migrating import run_env

run_env()
