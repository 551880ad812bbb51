"""Step CheckReleaseGate of roll_out_release."""

from functions.entry import step
from shared.usecases.check_release_gate import CheckReleaseGate, check_release_gate

handler = step(CheckReleaseGate, check_release_gate)
