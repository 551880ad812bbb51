"""Carry headings over page ranges, because each range is parsed without knowing the ones before (spec P86, P89)."""

from collections.abc import Iterable
from dataclasses import replace

from shared.domain.blocks import Block


def with_heading_paths(blocks: Iterable[Block]) -> list[Block]:
    """The blocks in the order given, each with the titles it stands under; a heading's path ends in itself.

    `seq` is renumbered from 0 over the whole document. Furniture keeps an empty path."""
    open_headings: list[tuple[int, str]] = []
    done: list[Block] = []
    for seq, block in enumerate(blocks):
        if block.type == "heading":
            level = block.level or 1
            open_headings = [entry for entry in open_headings if entry[0] < level]
            open_headings.append((level, " ".join(block.text.split())))
        path = () if block.type == "furniture" else tuple(title for _, title in open_headings)
        done.append(replace(block, seq=seq, heading_path=path))
    return done
