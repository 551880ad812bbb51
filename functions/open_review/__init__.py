"""The function behind OpenReview."""
