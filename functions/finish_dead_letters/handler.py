"""Complete dead letters that were cut short (spec W17, W116)."""

from functions.entry import schedule
from shared.usecases.finish_dead_letters import FinishDeadLetters, finish_dead_letters

handler = schedule(FinishDeadLetters, finish_dead_letters)
