"""Step BlockRelease of roll_out_release."""

from functions.entry import step
from shared.usecases.block_release import BlockRelease, block_release

handler = step(BlockRelease, block_release)
