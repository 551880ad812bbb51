"""Go on with indexes that are being built; an operator's invocation names a tenant and an action (spec R57)."""

from functions.entry import schedule
from shared.usecases.reindex_tenants import ReindexTenants, reindex_tenants

handler = schedule(ReindexTenants, reindex_tenants)
