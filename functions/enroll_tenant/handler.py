"""A tenant with its first people, as a custom resource: the smoke tenant of a stage (spec S11: roles are rows)."""

from functions.hooks import resource
from shared.usecases.enroll_tenant import EnrollTenant, enroll_tenant

handler = resource(EnrollTenant, enroll_tenant)
