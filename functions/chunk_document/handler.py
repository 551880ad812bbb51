"""ChunkDocument: when every page was read, cut the blocks into chunks with positions (spec W34, P65-P75)."""

from functions.entry import step
from shared.usecases.chunk_document import ChunkDocument, chunk_document

handler = step(ChunkDocument, chunk_document)
