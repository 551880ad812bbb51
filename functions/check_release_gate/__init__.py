"""The function behind CheckReleaseGate."""
