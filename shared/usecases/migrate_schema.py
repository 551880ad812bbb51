"""Bring the database of a stage to the schema of this release, before the release gets traffic (spec O80)."""

from dataclasses import dataclass

from shared.ports.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateSchema:
    """Nothing to say: the newest revision of this code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedSchema:
    """Revisions before and after; `before` is None for an empty database."""

    before: str | None
    after: str


def migrate_schema(command: MigrateSchema, *, schema: Schema) -> MigratedSchema:
    """Create what is missing of logins, then upgrade; repeated it changes nothing.

    Raises Retryable DEPENDENCY_UNAVAILABLE while the database does not answer."""
    schema.provision()
    before, after = schema.upgrade()
    return MigratedSchema(before=before, after=after)
