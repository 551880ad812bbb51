"""Build the demo projects: render our own sources, or take a user's folder as it is."""

from dataclasses import dataclass
from pathlib import Path

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
