"""Alembic's entry; everything is in shared.migrating."""

from shared.migrating import run_env

run_env()
