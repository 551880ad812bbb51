"""The passages that a person may cite for a criterion, numbered by passage and line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.markup import escape
from rich.panel import Panel

from infra.local.demo_client import Client
from infra.local.demo_screen import console, place_of

MOST_LINES = 5  # of a passage that are shown; the others can be cited by their words
MOST_CHARACTERS = 400  # of a line that are shown
LONG_ENOUGH = 30  # characters, to be proposed: a heading alone shows nothing
_CHOICE = re.compile(r"(\d{1,3})(?:\.(\d{1,3}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A citation or a passage of the evidence pack: its citable lines, its whole text, and where it stands."""

    chunk_id: str
    lines: tuple[str, ...]
    text: str
    place: str


def passages(client: Client, criterion: dict[str, Any]) -> list[Passage]:
    """What is cited already, then what was found besides."""
    found = []
    for claim in criterion["claims"] + criterion.get("unsupported_claims", []):
        for cited in claim["citations"]:
            place = place_of(cited["filename"], cited["page"], cited["locator"], cited["boxes"])
            quote = cited["quote"]
            found.append(Passage(chunk_id=cited["chunk_id"], lines=(quote,), text=quote, place=place))
    for item in (criterion.get("evidence_pack") or {}).get("items", []):
        chunk = client.call("GET", f"/chunks/{item['chunk_id']}", role="evaluator")
        lines = tuple(line.strip() for line in chunk["text"].split("\n") if line.strip())
        found.append(Passage(chunk_id=chunk["chunk_id"], lines=lines, text=chunk["text"], place=_place(chunk)))
    return found


def _place(chunk: dict[str, Any]) -> str:
    first = chunk["positions"][0]
    boxes = [position["box"] for position in chunk["positions"][:1]]
    return place_of(chunk["filename"], first["page"], first.get("locator"), boxes)


def show_passages(title: str, found: Sequence[Passage]) -> None:
    """A numbered list: `2` stands for the first line of passage 2, `2.3` for its third."""
    lines: list[str] = []
    for number, passage in enumerate(found, 1):
        lines.append(f"[bold]{number}[/]  [dim]{escape(passage.place)}[/]")
        shown = passage.lines[:MOST_LINES]
        lines += [f"    [dim]{number}.{at}[/] {escape(_short(line))}" for at, line in enumerate(shown, 1)]
        if len(passage.lines) > MOST_LINES:
            lines.append(f"    [dim]... {len(passage.lines) - MOST_LINES} more lines[/]")
    console.print(Panel("\n".join(lines) or "nothing was found", title=escape(title), expand=False))


def _short(line: str) -> str:
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]} ..."


def proposal(found: Sequence[Passage]) -> str:
    """The number of the line to propose: the first of the first passage that says more than a heading."""
    lines = found[0].lines if found else ()
    return f"1.{next((at for at, line in enumerate(lines, 1) if len(line) >= LONG_ENOUGH), 1)}"


def choose(found: Sequence[Passage], given: str) -> dict[str, str]:
    """The quoted place for a number such as 2 or 2.3, or for words of a passage.

    Raises LookupError when no passage has them: nothing else is cited instead."""
    numbered = _CHOICE.fullmatch(given)
    if numbered is not None:
        passage, line = int(numbered[1]), int(numbered[2] or 1)
        if 1 <= passage <= len(found) and 1 <= line <= len(found[passage - 1].lines):
            chosen = found[passage - 1]
            return {"chunk_id": chosen.chunk_id, "quote": chosen.lines[line - 1]}
    for one in found:
        if given in one.text:
            return {"chunk_id": one.chunk_id, "quote": given}
    raise LookupError(f"no passage has the number or the words {given!r}")
