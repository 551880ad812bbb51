"""IndexChunks: embed and index in portions until all is acknowledged or time runs out (spec W36, R56, P77)."""

from functions.entry import step
from shared.usecases.index_chunks import IndexChunks, index_chunks

handler = step(IndexChunks, index_chunks)
