"""Keep what a consumer could not take, out of every dead-letter queue (spec W103)."""

from functions.entry import queue
from shared.usecases.record_dead_message import RecordDeadMessage, record_dead_message

handler = queue("record_dead_message", RecordDeadMessage, record_dead_message)
