"""Objects as files on one machine, with signed links that the API serves."""

from shared.adapters.filesystem.incoming import Incoming
from shared.adapters.filesystem.links import Grant
from shared.adapters.filesystem.objects import FilesystemObjects

__all__ = ["FilesystemObjects", "Grant", "Incoming"]
