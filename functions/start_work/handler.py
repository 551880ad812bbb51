"""Start executions for queued jobs, fairly; the message is only a hint (spec W13-W15)."""

from functions.entry import queue
from shared.usecases.start_work import StartWork, start_work

handler = queue("start_work", StartWork, start_work)
