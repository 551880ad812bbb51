"""What an alarm of a stage is: what is measured, from when it counts, whom it wakes (spec O27)."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Severity = Literal["P0", "P1", "P2"]
RUNBOOKS = "docs/runbooks"
TABLE = Path(__file__).with_name("alarms.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A metric of CloudWatch; in `dimensions` {prefix} and names of AlarmSources stand for what a stage has."""

    namespace: str
    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """An alarm. It rings when `statistic` over `seconds` is `above` (or `below`) for `of` periods in a row.

    With several sources `expression` joins them under the names m0, m1, ...; `muted_by` names the critical alarm that
    silences this warning; `missing` says what no data means; `since` is the release that last changed the row."""

    name: str
    severity: Severity
    owner: Literal["platform", "product", "security"]
    runbook: str
    about: str
    sources: tuple[Source, ...]
    above: float | None = None
    below: float | None = None
    statistic: str = "Sum"
    seconds: int = 300
    of: int = 1
    expression: str = ""
    missing: Literal["notBreaching", "breaching"] = "notBreaching"
    muted_by: str = ""
    since: str = "1.0.0"


def told(about: str, *, severity: str, owner: str, runbook: str, since: str = "1.0.0") -> str:
    """The description of an alarm: what whoever is woken reads first (O27)."""
    return f"{about} | severity {severity} | owner {owner} | runbook {RUNBOOKS}/{runbook}.md | changed in {since}"


def takes_back(what: str) -> str:
    """The description of an alarm that takes a deployment back by itself: somebody looks why, the same day."""
    return told(f"takes back a deployment: {what}", severity="P2", owner="platform", runbook="rollback")


def source(text: str) -> Source:
    """`namespace name dimension=value ...`; raises ValueError for a text of another form."""
    namespace, name, *pairs = text.split()
    return Source(namespace=namespace, name=name, dimensions=dict(pair.split("=", 1) for pair in pairs))


def read_rows(path: Path = TABLE) -> Iterator[AlarmRow]:
    """The alarms of alarms.toml; raises TypeError for a field that no alarm has."""
    for name, row in tomllib.loads(path.read_text(encoding="utf-8")).items():
        sources = tuple(source(text) for text in row.pop("metrics"))
        yield AlarmRow(name=name, sources=sources, **row)
