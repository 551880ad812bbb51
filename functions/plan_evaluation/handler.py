"""PlanEvaluation: deal the criteria of a frozen plan into groups."""

from functions.entry import step
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation

handler = step(PlanEvaluation, plan_evaluation)
