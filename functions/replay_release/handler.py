"""Step ReplayRelease of roll_out_release."""

from functions.entry import step
from shared.usecases.replay_release import ReplayRelease, replay_release

handler = step(ReplayRelease, replay_release)
