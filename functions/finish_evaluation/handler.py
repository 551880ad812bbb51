"""FinishEvaluation: close job and run."""

from functions.entry import step
from shared.usecases.finish_evaluation import FinishEvaluation, finish_evaluation

handler = step(FinishEvaluation, finish_evaluation)
