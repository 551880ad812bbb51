"""The function behind CompareReplays."""
