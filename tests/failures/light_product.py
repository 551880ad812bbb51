"""What makes a product light enough to be started for every story."""

from functools import cache

from shared.adapters.file_inspection import FileInspection
from shared.adapters.parser_process import ProcessArchives
from shared.adapters.text_parser import TextParser
from shared.wiring import Services
from tests.fakes.chunk_index import MemoryChunkIndex
from tests.fakes.word_embedder import DIMENSION


class Parsers:
    """The text parser, in this process."""

    def __init__(self) -> None:
        self.archives = ProcessArchives(size=1)

    def parser_for(self, media_type: str) -> TextParser:
        return TextParser()

    def close(self) -> None:
        self.archives.close()


def light(made: Services) -> None:
    """No child process but for archives, no embedding model, an index in memory."""

    @cache
    def index(tenant_id: str) -> MemoryChunkIndex:
        return MemoryChunkIndex(tenant_id=tenant_id, dimension=DIMENSION)

    vars(made).update(
        parsers=Parsers(), inspector=FileInspection(), index=lambda records: index(records.actor.tenant_id)
    )
