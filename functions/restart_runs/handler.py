"""Start again what a crash left half started (spec W111, W112)."""

from functions.entry import schedule
from shared.usecases.restart_runs import RestartRuns, restart_runs

handler = schedule(RestartRuns, restart_runs)
