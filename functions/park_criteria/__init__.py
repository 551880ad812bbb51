"""The function behind EvaluateCriteria."""
