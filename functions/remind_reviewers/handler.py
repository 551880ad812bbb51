"""Remind people of reviews whose wait runs out (spec W88)."""

from functions.entry import schedule
from shared.usecases.remind_reviewers import RemindReviewers, remind_reviewers

handler = schedule(RemindReviewers, remind_reviewers)
