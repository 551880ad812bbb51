"""Step RollBackStep of roll_out_release."""

from functions.entry import step
from shared.usecases.roll_back_step import RollBackStep, roll_back_step

handler = step(RollBackStep, roll_back_step)
