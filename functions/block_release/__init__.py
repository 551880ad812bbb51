"""The function behind BlockRelease."""
