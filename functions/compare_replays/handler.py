"""Schedule: compare the replays of rollbacks that have ended."""

from functions.entry import schedule
from shared.usecases.compare_replays import CompareReplays, compare_replays

handler = schedule(CompareReplays, compare_replays)
