"""Take expired leases of task jobs back (spec W114)."""

from functions.entry import schedule
from shared.usecases.reconcile_leases import ReconcileLeases, reconcile_leases

handler = schedule(ReconcileLeases, reconcile_leases)
