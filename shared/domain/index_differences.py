"""Where an index differs from the rows that it is derived from, both ways (spec W118, R58)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.retrieval import KeptEntry

NAMED = 20  # entry ids of each kind that a finding names


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDifferences:
    """Entry ids in order: not in the index, there with another hash or vector, and there without a chunk."""

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.extra)

    def told(self) -> dict[str, Any]:
        """Numbers, and the first ids of each kind, for the finding."""
        kinds = {"missing": self.missing, "changed": self.changed, "extra": self.extra}
        return {kind: {"count": len(ids), "first": list(ids[:NAMED])} for kind, ids in kinds.items() if ids}


def compare(expected: Mapping[str, KeptEntry], kept: Mapping[str, KeptEntry]) -> IndexDifferences:
    """Ids and hashes both ways; a vector that is missing, or there where none belongs, counts as changed."""
    return IndexDifferences(
        missing=tuple(sorted(expected.keys() - kept.keys())),
        changed=tuple(sorted(key for key in expected.keys() & kept.keys() if expected[key] != kept[key])),
        extra=tuple(sorted(kept.keys() - expected.keys())),
    )
