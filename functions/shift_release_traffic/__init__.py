"""The function behind ShiftReleaseTraffic."""
