"""What a search needs beside the index: the texts of what it found."""

from collections.abc import Sequence
from typing import Protocol

from shared.domain.chunks import Chunk


class ChunkTexts(Protocol):
    """The current text of chunks, read under the tenant's row security."""

    def texts(self, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Chunks of the current runs of live documents, in the order asked for; unknown ids are left out."""
        ...
