"""The function behind CloseRelease."""
