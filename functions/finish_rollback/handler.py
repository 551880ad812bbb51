"""Step FinishRollback of roll_out_release."""

from functions.entry import step
from shared.usecases.finish_rollback import FinishRollback, finish_rollback

handler = step(FinishRollback, finish_rollback)
