"""ParseRange: read one range of pages and save it whole; a finished range is not read again (spec W32, P77, P89)."""

from functions.entry import step
from shared.usecases.parse_range import ParseRange, parse_range

handler = step(ParseRange, parse_range)
