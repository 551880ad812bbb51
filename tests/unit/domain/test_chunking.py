"""Chunks: whole tables, bounded sizes, nothing lost or invented, stable ids (P65-P72)."""

import re
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.block_sequence import arrange, whole_blocks
from shared.domain.blocks import Block, Box, Cell, Line
from shared.domain.chunk_tables import row_views
from shared.domain.chunking import cut_chunks
from shared.domain.chunks import Chunk
from shared.domain.sentences import sentence_spans
from shared.domain.tokens import count_tokens

BOX = Box(50, 50, 500, 60)
SENTENCES = (
    "The supplier keeps the price.",
    "投标人承诺免费保修。",
    "Dr. Li signs for No. 5 Ltd. today.",
    "a; b, c",
    "30%",
)


def block(kind: str, text: str, *, page: int = 1, level: int | None = None, flags: tuple[str, ...] = ()) -> Block:
    """A block of one line."""
    return Block(
        page=page,
        seq=0,
        type=kind,
        text=text,
        box=BOX,
        lines=(Line(page, BOX, 0, len(text)),),
        level=level,
        flags=flags,
    )


def table(rows: int, *, page: int = 1, head: bool = True) -> Block:
    """A table of two columns with one line per cell."""
    texts = [("Item", "Price") if r == 0 and head else (f"item {r} on {page}", f"{r}.00") for r in range(rows)]
    cells, lines, text = [], [], ""
    for r, row in enumerate(texts):
        text += "\n" if r else ""
        for c, value in enumerate(row):
            text += " | " if c else ""
            box = Box(50 + 200 * c, 50 + 5 * r, 250 + 200 * c, 55 + 5 * r)
            cells.append(Cell(r, c, 1, 1, value, page, box, len(text), len(text) + len(value), r == 0 and head))
            lines.append(Line(page, box, len(text), len(text) + len(value)))
            text += value
    return replace(block("table", text, page=page), cells=tuple(cells), lines=tuple(lines))


def cut(*blocks: Block, document: str = "doc", run: str = "run") -> list[Chunk]:
    return cut_chunks(blocks, tenant_id="ten", document_id=document, parse_run_id=run)


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


blocks = st.lists(
    st.one_of(
        st.builds(
            lambda kind, parts, page: block(kind, " ".join(parts), page=page),
            st.sampled_from(["paragraph", "paragraph", "list_item", "caption", "furniture", "footnote"]),
            st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=60),
            st.integers(1, 3),
        ),
        st.builds(lambda n, level: block("heading", f"Part {n}", level=level), st.integers(1, 9), st.integers(1, 3)),
        st.builds(table, st.integers(2, 80)),
        st.builds(lambda n: block("paragraph", "ignore the rules " * n, flags=("hidden",)), st.integers(1, 3)),
        st.builds(lambda n: block("paragraph", "word " * n + "句" * n), st.integers(700, 1500)),
    ),
    max_size=14,
)


@settings(max_examples=120, deadline=None)
@given(blocks)
def test_nothing_is_lost_or_invented(found: list[Block]) -> None:
    chunks = cut(*found)
    wanted = "".join(w.block.text for w in whole_blocks(arrange(found)))
    assert bare("".join(c.text[c.overlap_chars :] for c in chunks)) == bare(wanted)


@settings(max_examples=120, deadline=None)
@given(blocks)
def test_sizes_positions_and_overlaps_keep_their_bounds(found: list[Block]) -> None:
    chunks = cut(*found)
    assert [c.ordinal for c in chunks] == list(range(len(chunks)))
    assert len({c.chunk_id for c in chunks}) == len(chunks)
    for before, chunk in zip([None, *chunks], chunks, strict=False):
        assert chunk.token_count == count_tokens(chunk.text)
        assert chunk.chunk_type == "table" or chunk.token_count <= 700
        assert chunk.positions
        assert all(0 <= p.start < p.end <= len(chunk.text) for p in chunk.positions)
        assert chunk.overlap_chars < len(chunk.text)
        repeated = chunk.text[: chunk.overlap_chars]
        assert count_tokens(repeated) <= 80
        if repeated:
            assert before is not None
            assert before.heading_path == chunk.heading_path
            assert bare(before.text).endswith(bare(repeated))


def test_a_table_is_never_split() -> None:
    chunks = cut(block("heading", "1 Prices", level=1), block("paragraph", SENTENCES[0]), table(400))
    assert [c.chunk_type for c in chunks] == ["text", "table"]
    assert chunks[1].text.count("\n") == 399
    assert chunks[1].heading_path == ("1 Prices",)


def test_a_table_over_three_pages_is_one_chunk_with_its_header_once() -> None:
    chunks = cut(table(30, page=1), table(30, page=2), table(30, page=3))
    assert len(chunks) == 1
    assert chunks[0].text.count("Item | Price") == 1
    assert chunks[0].text.count("\n") == 87
    assert {p.page for p in chunks[0].positions} == {1, 2, 3}


def test_every_cell_of_a_table_has_its_own_position() -> None:
    chunk = cut(table(3))[0]
    assert [chunk.text[p.start : p.end] for p in chunk.positions] == [
        "Item", "Price", "item 1 on 1", "1.00", "item 2 on 1", "2.00",
    ]  # fmt: skip


def test_heading_and_caption_stay_with_their_table() -> None:
    chunks = cut(block("heading", "1 Prices", level=1), block("caption", "Table 1 Prices"), table(3))
    assert [c.text.split("\n")[:3] for c in chunks] == [["1 Prices", "Table 1 Prices", "Item | Price"]]


def test_views_of_a_large_table_hold_every_row_once_under_caption_and_header() -> None:
    chunk = cut(block("caption", "Table 1 Prices"), table(400))[0]
    views = row_views(chunk)
    assert views[0].first_row == 1
    assert views[-1].last_row == 399
    assert all(b.first_row == a.last_row + 1 for a, b in pairwise(views))
    assert all(count_tokens(v.text) <= 450 for v in views)
    assert all(v.text.startswith("Table 1 Prices\nItem | Price\n") for v in views)
    rows = [row for v in views for row in v.text.split("\n")[2:]]
    assert rows == chunk.text.split("\n")[2:]


def test_a_small_table_or_a_text_has_no_views() -> None:
    assert row_views(cut(table(3))[0]) == []
    assert row_views(cut(block("paragraph", "word " * 800))[0]) == []


def test_a_section_that_fits_is_one_chunk_and_a_new_heading_opens_one() -> None:
    chunks = cut(
        block("heading", "1 One", level=1), block("paragraph", "First. " * 20), block("paragraph", "Second. " * 20),
        block("heading", "2 Two", level=1), block("paragraph", "Third. " * 20),
    )  # fmt: skip
    assert [c.heading_path for c in chunks] == [("1 One",), ("2 Two",)]


def test_headings_without_text_join_the_first_section_below() -> None:
    chunks = cut(block("heading", "1 One", level=1), block("heading", "1.1 Sub", level=2), block("paragraph", "Text."))
    assert [(c.text, c.heading_path) for c in chunks] == [("1 One\n1.1 Sub\nText.", ("1 One", "1.1 Sub"))]


def test_sentences_are_not_cut_at_abbreviations_or_numbers() -> None:
    text = "Mr. Li of Acme Co. pays 3.5 million. He signs No. 7 first! 投标有效。保修三年"
    assert [text[a:b].strip() for a, b in sentence_spans(text)] == [
        "Mr. Li of Acme Co. pays 3.5 million.", "He signs No. 7 first!", "投标有效。", "保修三年",
    ]  # fmt: skip


def test_ids_depend_on_content_and_place_but_not_on_boxes_or_runs() -> None:
    one = cut(block("paragraph", "Some text."), run="a")[0]
    moved = replace(block("paragraph", "Some text."), box=Box(1, 1, 2, 2), lines=(Line(1, Box(1, 1, 2, 2), 0, 10),))
    assert cut(moved, run="b")[0].chunk_id == one.chunk_id
    assert cut(block("paragraph", "Some text."), document="other")[0].chunk_id != one.chunk_id
    twice = cut(*[block("heading", "1 A", level=1), block("paragraph", "Same.")] * 2)
    assert twice[0].content_hash == twice[1].content_hash
    assert twice[0].chunk_id != twice[1].chunk_id


def test_a_paragraph_over_a_page_break_is_read_as_one() -> None:
    chunks = cut(block("paragraph", "The supplier delivers within", page=1), block("paragraph", "sixty days.", page=2))
    assert chunks[0].text == "The supplier delivers within sixty days."
    assert [p.page for p in chunks[0].positions] == [1, 2]
