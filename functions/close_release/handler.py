"""Step CloseRelease of roll_out_release."""

from functions.entry import step
from shared.usecases.close_release import CloseRelease, close_release

handler = step(CloseRelease, close_release)
