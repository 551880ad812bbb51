"""Measurements: never timed inside tests, written to bench/results with machine, commit and date."""
