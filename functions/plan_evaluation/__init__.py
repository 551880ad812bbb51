"""The function behind PlanEvaluation."""
