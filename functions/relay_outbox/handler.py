"""Hand pending outbox events to the bus (spec W96)."""

from functions.entry import schedule
from shared.usecases.relay_outbox import RelayOutbox, relay_outbox

handler = schedule(RelayOutbox, relay_outbox)
