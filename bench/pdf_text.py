"""Pages per CPU second of the PDF text route on the real contracts of ../shared/data (goal: 60)."""

import time
from pathlib import Path
from typing import Any

from bench.results import write
from shared.adapters.pdf_text import PdfTextParser
from shared.domain.blocks import Block
from shared.domain.chunking import cut_chunks
from shared.domain.file_types import PDF

DATA = Path(__file__).parents[2] / "shared" / "data"


def main() -> None:
    """Survey, parse and cut every PDF; skipped where the data are absent."""
    files = sorted(DATA.glob("*/pdf/*.pdf"))
    if files:
        write("pdf_text", measure(files), goal="at least 60 pages per CPU second to parse")


def measure(files: list[Path]) -> dict[str, Any]:
    """CPU seconds of this process per stage, after one warm-up file."""
    parser = PdfTextParser()
    parser.parse(files[0], PDF, 1, 1)
    seconds = {"survey": 0.0, "parse": 0.0, "chunk": 0.0}
    pages = chunks = 0
    for path in files:
        start = time.process_time()
        count = len(parser.survey(path, PDF))
        surveyed = time.process_time()
        blocks: tuple[Block, ...] = parser.parse(path, PDF, 1, count).blocks
        parsed = time.process_time()
        chunks += len(cut_chunks(blocks, tenant_id="t", document_id=path.stem, parse_run_id="r"))
        seconds["survey"] += surveyed - start
        seconds["parse"] += parsed - surveyed
        seconds["chunk"] += time.process_time() - parsed
        pages += count
    rates = {f"{stage}_pages_per_cpu_second": round(pages / spent, 1) for stage, spent in seconds.items()}
    whole = round(pages / sum(seconds.values()), 1)
    return {"files": len(files), "pages": pages, "chunks": chunks, **rates, "all_pages_per_cpu_second": whole}


if __name__ == "__main__":
    main()
