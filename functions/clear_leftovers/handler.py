"""Expire and delete leftovers (spec W120)."""

from functions.entry import schedule
from shared.usecases.clear_leftovers import ClearLeftovers, clear_leftovers

handler = schedule(ClearLeftovers, clear_leftovers)
