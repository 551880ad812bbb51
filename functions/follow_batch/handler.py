"""Let a batch follow the end of its jobs (spec A118)."""

from functions.entry import queue
from shared.usecases.follow_batch import FollowBatch, follow_batch

handler = queue("follow_batch", FollowBatch, follow_batch)
