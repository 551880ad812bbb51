"""UnpackArchive: the files of an archive become documents with jobs of their own (spec W29)."""

from functions.entry import step
from shared.usecases.unpack_archive import UnpackArchive, unpack_archive

handler = step(UnpackArchive, unpack_archive)
