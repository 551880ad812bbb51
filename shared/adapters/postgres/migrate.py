"""Move the schema up or down; one process at a time, everything in one transaction."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6269_6470  # any number that only migrations use: "bidp"


def migrate(owner_url: str, revision: str = "head") -> None:
    """Upgrade to the revision; the URL's role owns what is created (spec S62). Raises what PostgreSQL raises."""
    _run(owner_url, upgrade_to=revision)


def downgrade(owner_url: str, revision: str = "base") -> None:
    """Take the schema down to the revision; the data of dropped tables is gone."""
    _run(owner_url, downgrade_to=revision)


def _run(owner_url: str, *, upgrade_to: str | None = None, downgrade_to: str | None = None) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(owner_url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({_LOCK})")
        config = _config(connection)
        if upgrade_to is not None:
            command.upgrade(config, upgrade_to)
        if downgrade_to is not None:
            command.downgrade(config, downgrade_to)
    engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
