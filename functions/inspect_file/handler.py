"""InspectFile: read the stored bytes once, compare their hash, and find out what the file really is (spec W28)."""

from functions.entry import step
from shared.usecases.inspect_file import InspectFile, inspect_file

handler = step(InspectFile, inspect_file)
