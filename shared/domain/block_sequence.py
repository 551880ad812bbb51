"""Put the blocks of many page ranges into one sequence: heading paths, tables and paragraphs that go on, ids.

Parsers call `arrange` on each range; chunking calls it again over the whole document. It changes nothing the
second time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain.blocks import Block, Cell, Line, enclosing
from shared.domain.ids import hash_id
from shared.domain.joining import separator

CONTINUES, HIDDEN = "continues", "hidden"
SAME_EDGE = 3.0  # points, P57
_FLOWING = ("paragraph", "list_item", "footnote")
_ENDED = re.compile(r"[.。！？!?；;:：][\"'”’)）」』]*$")
_GOES_ON = re.compile(r"[a-z,，、;；)）]|[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class WholeBlock:
    """A block with everything that continues it joined in; `block_ids` names the parts."""

    block: Block
    block_ids: tuple[str, ...]


def is_aside(block: Block) -> bool:
    """Whether a block stays out of chunks: furniture and hidden text (P45, P72)."""
    return block.type == "furniture" or HIDDEN in block.flags


def arrange(blocks: Sequence[Block]) -> list[Block]:
    """Number the blocks, give each its heading path, mark what continues the block before it (P57) and drop
    header rows that a table repeats on its next page."""
    out: list[Block] = []
    path: list[tuple[int, str]] = []
    last: Block | None = None
    head: Block | None = None
    for block in blocks:
        if block.type == "heading" and not is_aside(block):
            level = block.level or 1
            path = [*(p for p in path if p[0] < level), (level, block.text)]
        made = replace(block, seq=len(out), heading_path=() if is_aside(block) else tuple(text for _, text in path))
        if not is_aside(block) and block.text:
            if last is not None and _continues(last, made):
                made = _marked(made)
                if made.type == "table" and head is not None:
                    made = _without_header(made, head)
            else:
                head = made
            last = made
        out.append(made)
    return out


def with_block_ids(blocks: Sequence[Block], document_id: str) -> list[Block]:
    """Give every block the id its content always gets (P71)."""
    seen: dict[tuple[int, str, str], int] = {}
    out = []
    for block in blocks:
        key = (block.page, block.type, block.text)
        count = seen[key] = seen.get(key, -1) + 1
        block_id = hash_id("blk", document_id, str(block.page), block.type, block.text, str(count))
        out.append(replace(block, block_id=block_id))
    return out


def whole_blocks(blocks: Sequence[Block]) -> list[WholeBlock]:
    """Arranged blocks without furniture, hidden and empty ones, each joined with its continuations."""
    chains: list[list[Block]] = []
    for block in blocks:
        if is_aside(block) or not block.text:
            continue
        if CONTINUES in block.flags and chains and chains[-1][-1].type == block.type:
            chains[-1].append(block)
        else:
            chains.append([block])
    return [WholeBlock(_joined(chain), tuple(b.block_id for b in chain)) for chain in chains]


def _marked(block: Block) -> Block:
    return block if CONTINUES in block.flags else replace(block, flags=(*block.flags, CONTINUES))


def _continues(last: Block, block: Block) -> bool:
    if CONTINUES in block.flags:
        return True
    moved_on = block.page == last.page + 1 or (block.page == last.page and block.box.y1 <= last.box.y0)
    if not moved_on or block.type != last.type or block.locator is not None:
        return False
    if block.type == "table":
        return block.page == last.page + 1 and _same_columns(last, block)
    is_flow = block.type in _FLOWING and block.type != "list_item"
    return is_flow and not _ENDED.search(last.text) and bool(_GOES_ON.match(block.text))


def _edges(block: Block) -> list[float]:
    edges: list[float] = []
    for edge in sorted({x for cell in block.cells for x in (cell.box.x0, cell.box.x1)}):
        if not edges or edge - edges[-1] > SAME_EDGE:
            edges.append(edge)
    return edges


def _same_columns(one: Block, other: Block) -> bool:
    left, right = _edges(one), _edges(other)
    return len(left) == len(right) > 2 and all(abs(a - b) <= SAME_EDGE for a, b in zip(left, right, strict=True))


def _rows(block: Block) -> dict[int, list[Cell]]:
    rows: dict[int, list[Cell]] = {}
    for cell in block.cells:
        rows.setdefault(cell.row, []).append(cell)
    return rows


def _without_header(block: Block, head: Block) -> Block:
    """Drop leading rows that equal the header rows of the table's first part."""
    wanted, rows = _rows(head), _rows(block)
    header = [[c.text for c in wanted[row]] for row in sorted(wanted) if all(c.header for c in wanted[row])]
    order = sorted(rows)
    if not header or len(order) <= len(header):
        return block
    if [[c.text for c in rows[row]] for row in order[: len(header)]] != header:
        return block
    first = order[len(header)]
    cut = min(c.start for c in rows[first])
    return replace(
        block,
        text=block.text[cut:],
        lines=tuple(replace(x, start=x.start - cut, end=x.end - cut) for x in block.lines if x.start >= cut),
        cells=tuple(
            replace(c, row=c.row - first, start=c.start - cut, end=c.end - cut, header=False)
            for c in block.cells
            if c.row >= first
        ),
    )


def _joined(chain: list[Block]) -> Block:
    """One block of all parts; lines and cells keep their page and box, spans and rows move along."""
    if len(chain) == 1:
        return chain[0]
    text, rows = "", 0
    lines: list[Line] = []
    cells: list[Cell] = []
    for block in chain:
        if text:
            text += "\n" if block.type == "table" else separator(text, block.text)
        at = len(text)
        lines += [replace(x, start=x.start + at, end=x.end + at) for x in block.lines]
        cells += [replace(c, row=c.row + rows, start=c.start + at, end=c.end + at) for c in block.cells]
        rows += max((c.row + c.row_span for c in block.cells), default=0)
        text += block.text
    first = [line.box for line in lines if line.page == chain[0].page] or [chain[0].box]
    return replace(chain[0], text=text, lines=tuple(lines), cells=tuple(cells), box=enclosing(first))
