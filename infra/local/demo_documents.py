"""Build the demo projects: render our own sources, or take a user's folder as it is."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.demo_docx import render_docx
from infra.local.demo_pdf import render_pdf
from infra.local.demo_source import Source, read_source

SOURCES = Path(__file__).parents[2] / "demo"
DEMO_KEYS = ("en", "zh")
_RENDER = {"pdf": render_pdf, "docx": render_docx}
TENDER_FOLDER = "tender"


@dataclass(frozen=True, slots=True)
class BidFiles:
    """One bidder's name and files, in upload order."""

    name: str
    files: list[Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProject:
    """What one run evaluates: rule pack file, tender documents, and bids by supplier code. `language` is en
    or zh, `currency` an ISO 4217 code."""

    key: str
    name: str
    language: str
    currency: str
    rules: Path
    tender: list[Path]
    bids: dict[str, BidFiles]


def build_demo(folder: Path) -> list[DemoProject]:
    """Render the English and the Chinese project into `folder`; the same sources give the same bytes."""
    return [_build(key, folder / key) for key in DEMO_KEYS]


def _build(key: str, folder: Path) -> DemoProject:
    tender = read_source(SOURCES / key / "tender.md")
    sources = [read_source(path) for path in sorted((SOURCES / key / "bids").glob("*.md"))]
    sources.sort(key=lambda source: source.meta["order"])
    bids = {
        source.meta["supplier_code"]: BidFiles(source.meta["supplier"], [_render(source, folder / source.path.stem)])
        for source in sources
    }
    return DemoProject(
        key=key,
        name=tender.meta["project"],
        language=key,
        currency=tender.meta["currency"],
        rules=SOURCES / key / "rules.json",
        tender=[_render(tender, folder / TENDER_FOLDER)],
        bids=bids,
    )


def _render(source: Source, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / source.meta["file"]
    _RENDER[target.suffix.removeprefix(".")](source, target)
    return target


def folder_project(docs: Path, rules: Path) -> DemoProject:
    """A user's own files: each subfolder is one bidder, each file directly in the folder is one bidder, and a
    subfolder named `tender` holds the tender documents. Files that start with a dot are left out. The supplier
    code is the name of the subfolder or file. The currency is the one the pack's tests name, or XXX (ISO 4217: no
    currency). Raises FileNotFoundError when no bidder is there, KeyError when the pack names no language."""
    pack = json.loads(rules.read_text("utf-8"))
    entries = sorted(path for path in docs.iterdir() if not path.name.startswith("."))
    folders = {path.name: _files(path) for path in entries if path.is_dir()}
    tender = folders.pop(TENDER_FOLDER, [])
    bids = {name: BidFiles(name, files) for name, files in folders.items() if files}
    for path in (path for path in entries if path.is_file()):
        bids[_free_code(path, bids)] = BidFiles(path.stem, [path])
    if not bids:
        raise FileNotFoundError(f"no bidder in {docs}: put files or one folder per bidder there")
    return DemoProject(
        key="own",
        name=docs.resolve().name,
        language=pack["language"],
        currency=next(_currencies(pack["criteria"]), "XXX"),
        rules=rules,
        tender=tender,
        bids=bids,
    )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _free_code(path: Path, taken: Mapping[str, BidFiles]) -> str:
    """The stem, or the whole file name where a folder already has that name."""
    return path.name if path.stem in taken else path.stem


def _currencies(value: Any) -> Iterator[str]:
    """Every currency named anywhere in the tests of a pack, in order."""
    if isinstance(value, dict):
        if isinstance(value.get("currency"), str):
            yield value["currency"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _currencies(item)
