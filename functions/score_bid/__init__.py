"""The function behind ScoreBid."""
