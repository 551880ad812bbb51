"""`make bench`: every measurement in turn, then the table bench/results/README.md."""

import importlib
import sys
from pathlib import Path

from bench.results import FOLDER, table

HERE = Path(__file__).parent
LIBRARY = {"__init__", "__main__", "results", "running", "cited_places", "contractnli_rules", "contractnli_labels"}


def main() -> None:
    """Run the modules named on the command line, or all."""
    names = sys.argv[1:] or sorted(p.stem for p in HERE.glob("*.py") if p.stem not in LIBRARY)
    for name in names:
        importlib.import_module(f"bench.{name}").main()
    (FOLDER / "README.md").write_text("# Results\n\n" + table(), encoding="utf-8")


if __name__ == "__main__":
    main()
