"""Bring the database to this release's schema; CloudFormation calls it before traffic moves (spec O80)."""

from functions.hooks import resource
from shared.usecases.migrate_schema import MigrateSchema, migrate_schema

handler = resource(MigrateSchema, migrate_schema)
