"""EvaluateCriteria: run or resume the threads of one group."""

from functions.entry import step
from shared.usecases.evaluate_criteria import EvaluateCriteria, evaluate_criteria

handler = step(EvaluateCriteria, evaluate_criteria)
