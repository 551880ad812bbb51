"""The small bid that releases are tried on, from the repository's demo folder or the bundle of a function."""

import json
from pathlib import Path

from shared.ports.release_under_test import SmokeBid, SmokeFile

FOLDER = Path(__file__).parents[2] / "demo" / "smoke"


def read_smoke_bid(folder: Path = FOLDER) -> SmokeBid:
    """Rules, tender and bid; raises FileNotFoundError when the bundle lacks them."""
    return SmokeBid(
        rules=json.loads((folder / "rules.json").read_text(encoding="utf-8")),
        tender=SmokeFile(name="tender.md", media_type="text/markdown", content=(folder / "tender.md").read_bytes()),
        bid=SmokeFile(name="bid.pdf", media_type="application/pdf", content=(folder / "bid.pdf").read_bytes()),
    )
