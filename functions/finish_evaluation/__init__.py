"""The function behind FinishEvaluation."""
