"""Raise an alarm for sweeps that are silent or failed (spec O21)."""

from functions.entry import schedule
from shared.usecases.watch_sweeps import WatchSweeps, watch_sweeps

handler = schedule(WatchSweeps, watch_sweeps)
