"""The function behind ReplayRelease."""
