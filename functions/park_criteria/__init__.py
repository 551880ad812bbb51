"""The function behind ParkCriteria."""
