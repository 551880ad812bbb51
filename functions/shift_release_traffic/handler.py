"""Step ShiftReleaseTraffic of roll_out_release."""

from functions.entry import step
from shared.usecases.shift_release_traffic import ShiftReleaseTraffic, shift_release_traffic

handler = step(ShiftReleaseTraffic, shift_release_traffic)
