"""Stop the execution of a canceled job; its steps meet the fence anyway (spec W109)."""

from functions.entry import queue
from shared.usecases.stop_execution import StopExecution, stop_execution

handler = queue("stop_execution", StopExecution, stop_execution)
