"""Flow formats get pages and boxes that are the same on every machine (P55)."""

from shared.domain.block_sequence import arrange, whole_blocks
from shared.domain.flow import FlowCell, FlowItem, with_locators
from shared.domain.virtual_pages import MARGIN, WIDTH, lay_out


def table(rows: int) -> FlowItem:
    """A table of two columns."""
    cells = tuple(FlowCell(r, c, 1, 1, f"cell {r} {c}", r == 0) for r in range(rows) for c in range(2))
    return FlowItem(type="table", cells=cells)


def test_a_paragraph_stands_at_a_fixed_place() -> None:
    block = lay_out([FlowItem(type="paragraph", text="Hello 世界")]).blocks[0]
    assert tuple(block.box) == (56.0, 58.75, 103.98, 69.25)


def test_lines_stay_inside_the_margins_and_hold_their_words() -> None:
    text = "投标人须知 the quick brown fox jumps " * 40 + "x" * 300
    block = lay_out([FlowItem(type="paragraph", text=text)]).blocks[0]
    assert all(x.box.x0 >= MARGIN and x.box.x1 <= MARGIN + WIDTH + 0.01 for x in block.lines)
    spoken = "".join(block.text[x.start : x.end] for x in block.lines)
    assert spoken.replace(" ", "") == text.replace(" ", "")


def test_a_long_paragraph_goes_on_over_pages_without_losing_a_word() -> None:
    text = " ".join(f"word{n}" for n in range(2000))
    laid = lay_out([FlowItem(type="paragraph", text=text)])
    assert len(laid.pages) > 1
    assert [("continues" in b.flags) for b in laid.blocks] == [False] + [True] * (len(laid.blocks) - 1)
    assert whole_blocks(arrange(laid.blocks))[0].block.text == text


def test_table_rows_never_break_over_a_page_and_none_is_lost() -> None:
    laid = lay_out([table(120)])
    assert [b.page for b in laid.blocks] == [1, 2, 3, 4]
    whole = whole_blocks(arrange(laid.blocks))
    assert len(whole) == 1
    assert whole[0].block.text == "\n".join(f"cell {r} 0 | cell {r} 1" for r in range(120))
    assert [c.row for c in whole[0].block.cells] == [r for r in range(120) for _ in range(2)]


def test_two_tables_on_two_pages_stay_two() -> None:
    filler = [FlowItem(type="paragraph", text="filler")] * 31
    blocks = lay_out(with_locators([*filler, table(2), table(2)])).blocks
    assert len(whole_blocks(arrange([b for b in blocks if b.type == "table"]))) == 2


def test_spans_cover_the_rows_and_columns_they_name() -> None:
    cells = (FlowCell(0, 0, 2, 1, "both rows"), FlowCell(0, 1, 1, 1, "a"), FlowCell(1, 1, 1, 1, "b"))
    block = lay_out([FlowItem(type="table", cells=cells)]).blocks[0]
    tall, one, two = block.cells
    assert block.text == "both rows | a\nb"
    assert (tall.box.y0, tall.box.y1) == (one.box.y0, two.box.y1)


def test_locators_count_sections_paragraphs_and_tables() -> None:
    kinds = ["paragraph", "heading", "paragraph", "heading", "paragraph", "table", "heading"]
    levels = [None, 1, None, 2, None, None, 1]
    items = [FlowItem(type=k, text="x", level=n) for k, n in zip(kinds, levels, strict=True)]
    assert [i.locator for i in with_locators(items)] == [
        "section 0, paragraph 1", "section 1", "section 1, paragraph 1", "section 1.1", "section 1.1, paragraph 1",
        "table 1", "section 2",
    ]  # fmt: skip


def test_a_section_is_called_by_the_number_that_stands_in_its_heading() -> None:
    headings = [
        ("Our bid", 1),
        ("9 Delivery", 2),
        ("9.4 Acceptance", 3),
        ("Notes", 3),
        ("第三章 服务", 2),
        ("一、保修", 3),
    ]
    items = [FlowItem(type="heading", text=text, level=level) for text, level in headings]
    assert [i.locator for i in with_locators(items)] == [
        'section "Our bid"', "section 9", "section 9.4", 'section "Notes"', "section 第三章",
        "section 第三章 一",
    ]  # fmt: skip


def test_blank_items_leave_no_block() -> None:
    assert lay_out([FlowItem(type="paragraph", text="  \n ")]).blocks == ()
