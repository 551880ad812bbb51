"""The function behind ExpireReview."""
