"""The source publishes registered types only, and each from one module (A134)."""

import re
from collections import defaultdict
from pathlib import Path

from shared.adapters.postgres.moves import EVENTS, RUN_EVENTS
from shared.domain.events import PRODUCERS, RUN_EVENT_TYPES

ROOT = Path(__file__).parents[2]
SOURCES = [p for top in ("shared", "functions", "infra") for p in (ROOT / top).rglob("*.py")]
PUBLISHED = re.compile(r"\.publish\(\s*\"([^\"]+)\"")
SHOWN = re.compile(r"\.run_event\(\s*[^,()]+(?:\([^)]*\))?,\s*\"([^\"]+)\"")
# A job's dead letter is recorded by the job's move, a message's by the area of dead letters: one producer, two kinds.
SHARED = {"dlq.recorded"}
REPEATS = "reconcile_"  # a sweep says again what got lost on its way; it is no second producer (W111)


def test_every_published_type_is_registered_and_comes_from_one_module() -> None:
    modules: dict[str, set[str]] = defaultdict(set)
    for path in (p for p in SOURCES if not p.stem.startswith(REPEATS)):
        for kind in PUBLISHED.findall(path.read_text(encoding="utf-8")):
            modules[kind].add(path.stem)
    for table in EVENTS.values():
        for kind in table.values():
            modules[kind].add("moves")
    assert len(modules) > 10, "the scan finds nothing"
    assert modules.keys() <= PRODUCERS.keys()
    assert {kind: who for kind, who in modules.items() if len(who) > 1 and kind not in SHARED} == {}


def test_every_run_event_is_registered() -> None:
    shown = {kind for path in SOURCES for kind in SHOWN.findall(path.read_text(encoding="utf-8"))}
    assert len(shown) > 5, "the scan finds nothing"
    assert shown | set(RUN_EVENTS.values()) <= RUN_EVENT_TYPES
