"""Answer the waiting execution after a review was submitted, or cancel the wait (spec W90)."""

from functions.entry import queue
from shared.usecases.deliver_wait import DeliverWait, deliver_wait

handler = queue("deliver_wait", DeliverWait, deliver_wait)
