"""The function behind FinishRollback."""
