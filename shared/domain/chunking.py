"""Cut a document's blocks into chunks that never split a table, so a citation shows it whole (spec P65-P72)."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.domain.block_sequence import WholeBlock, arrange, whole_blocks, with_block_ids
from shared.domain.blocks import Block
from shared.domain.chunk_cuts import (
    AFTER_BLOCK,
    AFTER_CLAUSE,
    AFTER_ITEM,
    AFTER_LIST,
    AFTER_PAGE,
    AFTER_SENTENCE,
    MOST,
    Piece,
    cut_run,
)
from shared.domain.chunk_places import Slice, place
from shared.domain.chunks import Chunk
from shared.domain.ids import hash_id
from shared.domain.joining import language
from shared.domain.normalisation import normalise
from shared.domain.sentences import pieces
from shared.domain.tokens import count_tokens

VERSION = "bp-chunk-1"


@dataclass(frozen=True, slots=True)
class _Part:
    """The slices of one chunk and where its fresh text begins (slice, offset in the block)."""

    slices: tuple[Slice, ...]
    fresh: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """Makes the chunks of one document and counts equal ones."""

    tenant_id: str
    document_id: str
    parse_run_id: str
    project_id: str
    supplier_id: str | None
    doc_type: str
    counts: dict[tuple[str, ...], int] = field(default_factory=dict)

    def make(self, part: _Part, ordinal: int) -> Chunk:
        """A chunk with its derived id (P71)."""
        text, positions, overlap = place(part.slices, part.fresh)
        sources = [s.source for s in part.slices]
        kind, path, form = _kind(sources), sources[-1].block.heading_path, normalise(text).text
        key = (kind, *path, "", form)
        count = self.counts[key] = self.counts.get(key, -1) + 1
        names = (self.tenant_id, self.document_id, VERSION, kind, "\x1f".join(path), form, str(count))
        return Chunk(
            chunk_id=hash_id("chk", *names),
            document_id=self.document_id,
            parse_run_id=self.parse_run_id,
            ordinal=ordinal,
            chunk_type=kind,
            text=text,
            content_hash=hashlib.sha256(form.encode()).hexdigest(),
            heading_path=path,
            block_ids=tuple(dict.fromkeys(i for source in sources for i in source.block_ids)),
            token_count=count_tokens(text),
            overlap_chars=overlap,
            language=language(text),
            quality=min(source.block.quality for source in sources),
            parser=sources[-1].block.parser,
            parser_version=sources[-1].block.parser_version,
            chunker_version=VERSION,
            positions=positions,
            project_id=self.project_id,
            supplier_id=self.supplier_id,
            doc_type=self.doc_type,
        )


def cut_chunks(
    blocks: Sequence[Block],
    *,
    tenant_id: str,
    document_id: str,
    parse_run_id: str,
    project_id: str = "",
    supplier_id: str | None = None,
    doc_type: str = "bid",
) -> list[Chunk]:
    """Chunks of all blocks of a document in reading order: about 450 tokens, at most 700, tables whole.

    Hidden text and furniture stay out. Ids depend on tenant, document and content, not on boxes (P71)."""
    maker = _Maker(
        tenant_id=tenant_id,
        document_id=document_id,
        parse_run_id=parse_run_id,
        project_id=project_id,
        supplier_id=supplier_id,
        doc_type=doc_type,
    )
    wholes = whole_blocks(with_block_ids(arrange(blocks), document_id))
    parts = (part for run in _runs(wholes) for part in _parts(run))
    return [maker.make(part, ordinal) for ordinal, part in enumerate(parts)]


def _runs(wholes: Sequence[WholeBlock]) -> Iterator[list[WholeBlock]]:
    """Sections without the tables between them, and each table with the headings and captions at it."""
    run: list[WholeBlock] = []
    for index, whole in enumerate(wholes):
        kind = whole.block.type
        next_kind = wholes[index + 1].block.type if index + 1 < len(wholes) else ""
        if kind == "table":
            lead = _trailing_captions(run)
            rest = run[: len(run) - len(lead)]
            if rest and not _is_lead(rest):
                yield rest
                rest = []
            run = [*rest, *lead, whole]
            if next_kind != "caption" or _opens_table(wholes, index + 1):
                yield run
                run = []
            continue
        closes_table = kind == "caption" and bool(run) and run[-1].block.type == "table"
        opens_section = kind == "heading" and bool(run) and not (_is_lead(run) and _is_below(whole, run[-1]))
        if opens_section:
            yield run
            run = []
        run.append(whole)
        if closes_table:
            yield run
            run = []
    if run:
        yield run


def _opens_table(wholes: Sequence[WholeBlock], index: int) -> bool:
    return index + 1 < len(wholes) and wholes[index + 1].block.type == "table"


def _is_lead(run: Sequence[WholeBlock]) -> bool:
    return all(w.block.type == "heading" for w in run)


def _is_below(whole: WholeBlock, other: WholeBlock) -> bool:
    path = other.block.heading_path
    return whole.block.heading_path[: len(path)] == path


def _trailing_captions(run: Sequence[WholeBlock]) -> list[WholeBlock]:
    start = len(run)
    while start and run[start - 1].block.type == "caption":
        start -= 1
    return list(run[start:])


def _kind(sources: Sequence[WholeBlock]) -> str:
    kinds = {s.block.type for s in sources} - {"heading", "caption"}
    if "table" in kinds:
        return "table"
    return {frozenset({"list_item"}): "list", frozenset({"formula"}): "formula", frozenset({"figure"}): "image"}.get(
        frozenset(kinds), "text"
    )


def _parts(run: Sequence[WholeBlock]) -> Iterator[_Part]:
    """A table is one part; other runs are cut at sentences."""
    if any(w.block.type == "table" for w in run):
        yield _Part(tuple(Slice(w, 0, len(w.block.text)) for w in run), (0, 0))
        return
    found = _pieces(run)
    for cut in cut_run(found):
        slices: list[Slice] = []
        fresh = (0, 0)
        for index in range(cut.first, cut.last):
            piece = found[index]
            source = run[piece.block]
            if slices and slices[-1].source is source:
                slices[-1] = Slice(source, slices[-1].start, piece.end)
            else:
                slices.append(Slice(source, piece.start, piece.end))
            if index == cut.fresh:
                fresh = (len(slices) - 1, piece.start)
        yield _Part(tuple(slices), fresh)


def _pieces(run: Sequence[WholeBlock]) -> list[Piece]:
    out = []
    for index, whole in enumerate(run):
        spans = pieces(whole.block.text, MOST)
        following = run[index + 1].block if index + 1 < len(run) else None
        for number, (start, end, tokens) in enumerate(spans):
            is_last = number == len(spans) - 1
            cost = _end_cost(whole.block, following) if is_last else AFTER_SENTENCE
            if not is_last and whole.block.text[start:end].rstrip()[-1:] not in '.。！？!?…；;"”』」)':
                cost = AFTER_CLAUSE
            out.append(Piece(index, start, end, tokens, cost))
    return out


def _end_cost(block: Block, following: Block | None) -> float:
    if following is None:
        return 0.0
    if block.type == "heading":
        return AFTER_CLAUSE
    if block.type == "list_item":
        return AFTER_ITEM if following.type == "list_item" else AFTER_LIST
    return AFTER_PAGE if following.page != block.page else AFTER_BLOCK
