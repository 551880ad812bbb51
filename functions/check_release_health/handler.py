"""Step CheckReleaseHealth of roll_out_release."""

from functions.entry import step
from shared.usecases.check_release_health import CheckReleaseHealth, check_release_health

handler = step(CheckReleaseHealth, check_release_health)
