"""The function behind RollBackStep."""
