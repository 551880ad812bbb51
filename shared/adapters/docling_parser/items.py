"""A Docling document as flow items: headings, paragraphs, lists, tables with spans (spec P3, P58)."""

import re
from collections.abc import Iterator
from typing import Any

from shared.domain.flow import FlowCell, FlowItem
from shared.domain.joining import clean

_BOXES = {"checkbox_selected": "☑ ", "checkbox_unselected": "☐ "}


def flow_items(document: Any, hidden: list[str]) -> list[FlowItem]:
    """Items of a DoclingDocument in reading order; running headers and footers are furniture at the end,
    `hidden` texts follow them."""
    has_title = any(text.label.value == "title" for text in document.texts)
    items = list(_walk(document.body, document, int(has_title), 0))
    running = {clean(t.text): None for t in document.texts if t.content_layer.value == "furniture" and t.text.strip()}
    items += [FlowItem(type="furniture", text=text) for text in running]
    return items + [FlowItem(type="paragraph", text=text, flags=("hidden",)) for text in hidden]


def _walk(node: Any, document: Any, shift: int, depth: int) -> Iterator[FlowItem]:
    """Items below a node. Children of tables and of text that has its own words are not visited twice."""
    for reference in node.children:
        child = reference.resolve(document)
        if child.content_layer.value != "body":
            continue
        label = child.label.value
        if label == "table":
            yield from _table(child, document)
            continue
        if label == "inline":
            yield from _paragraph(FlowItem(type="paragraph"), _inline(child, document))
            continue
        inner = [c.resolve(document) for c in child.children]
        inline = next((c for c in inner if c.label.value == "inline"), None)
        own: str = getattr(child, "text", "")
        text = _inline(inline, document) if inline is not None and not own else own
        if text:
            yield from _paragraph(*_item(child, label, text, shift, depth))
        if inline is None or own:
            yield from _walk(child, document, shift, depth + (label in ("list", "ordered_list")))
        else:
            yield from _rest(child, document, inline, shift, depth)


def _rest(child: Any, document: Any, inline: Any, shift: int, depth: int) -> Iterator[FlowItem]:
    """Children beside the inline group that made the text."""
    kept = [reference for reference in child.children if reference.resolve(document) is not inline]
    if kept:
        yield from _walk(_Node(kept), document, shift, depth)


class _Node:
    """A node with some children only."""

    def __init__(self, children: list[Any]) -> None:
        self.children = children


def _item(child: Any, label: str, text: str, shift: int, depth: int) -> tuple[FlowItem, str]:
    if label == "title":
        return FlowItem(type="heading", level=1), text
    if label == "section_header":
        return FlowItem(type="heading", level=child.level + shift), text
    if label == "list_item":
        marker = f"{child.marker} " if child.enumerated and child.marker else "• "
        return FlowItem(type="list_item", indent=max(depth - 1, 0)), marker + text
    kind = {"caption": "caption", "formula": "formula", "footnote": "footnote"}.get(label, "paragraph")
    return FlowItem(type=kind), _BOXES.get(label, "") + text


def _paragraph(item: FlowItem, text: str) -> Iterator[FlowItem]:
    cleaned = "\n".join(line for line in map(clean, text.split("\n")) if line)
    if cleaned:
        yield FlowItem(type=item.type, text=cleaned, level=item.level, indent=item.indent)


def _inline(group: Any, document: Any) -> str:
    """The texts of an inline group, which Docling cuts where the format changes."""
    parts = [getattr(reference.resolve(document), "text", "") for reference in group.children]
    out = ""
    for part in parts:
        touches = out[-1:].isascii() and part[:1].isascii() and out[-1:].isalnum() and part[:1].isalnum()
        out += (" " if touches else "") + part
    return out


def _table(table: Any, document: Any) -> Iterator[FlowItem]:
    caption = clean(table.caption_text(document))
    if caption:
        yield FlowItem(type="caption", text=caption)
    cells = tuple(
        FlowCell(
            cell.start_row_offset_idx,
            cell.start_col_offset_idx,
            cell.row_span,
            cell.col_span,
            re.sub(r"\s+", " ", clean(cell.text.replace("\n", " "))),
            bool(cell.column_header),
        )
        for cell in table.data.table_cells
    )
    if any(cell.text for cell in cells):
        yield FlowItem(type="table", cells=cells)
