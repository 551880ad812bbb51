"""The function behind BuildReport."""
