"""Relay events that wait too long (spec W117)."""

from functions.entry import schedule
from shared.usecases.reconcile_outbox import ReconcileOutbox, reconcile_outbox

handler = schedule(ReconcileOutbox, reconcile_outbox)
