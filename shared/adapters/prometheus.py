"""Metrics of one machine as Prometheus text (exposition format 0.0.4); the processes share what they measured."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.adapters.json_logs import logged_span
from shared.domain.metrics import METRICS, Metric, labelled

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SHARE_SECONDS = 1.0  # how old the figures of another process may be
Key = tuple[str, tuple[tuple[str, str], ...]]


class PrometheusTelemetry:
    """The Telemetry port. A value is one number, or for a histogram the counts of its buckets, the sum of seconds and
    the number of observations. Counters begin at 0 with each process, as Prometheus expects."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._values: dict[Key, list[float]] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        """Add to a counter."""
        labelled(name, labels)
        with self._lock:
            self._values.setdefault(_key(name, labels), [0.0])[0] += value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """One more duration."""
        metric = labelled(name, labels)
        with self._lock:
            kept = self._values.setdefault(_key(name, labels), [0.0] * (len(metric.buckets) + 2))
            for number, limit in enumerate(metric.buckets):
                kept[number] += seconds <= limit
            kept[-2] += seconds
            kept[-1] += 1

    def level(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        labelled(name, labels)
        with self._lock:
            self._values[_key(name, labels)] = [value]

    @contextmanager
    def span(self, name: str, **ids: str) -> Iterator[None]:
        """Ids in the log lines of the block; at its end the figures are shared within a second."""
        try:
            with logged_span(name, **ids):
                yield
        finally:
            self._share_soon()

    def text(self) -> str:
        """The figures of all live processes: counters and histograms added up, a gauge as one of them set it."""
        with self._lock:
            values = {key: list(kept) for key, kept in self._values.items()}
        for key, kept in self._others():
            if METRICS[key[0]].kind == "gauge" or key not in values:
                values[key] = kept
            else:
                values[key] = [sum(pair) for pair in zip(values[key], kept, strict=True)]
        return "".join(_written(metric, values) for metric in METRICS.values())

    def _share_soon(self) -> None:
        with self._lock:
            if self._folder is None or self._timer is not None:
                return
            self._timer = threading.Timer(SHARE_SECONDS, self.share)
            self._timer.daemon = True
            self._timer.start()

    def share(self) -> None:
        """Write the figures where the other processes of the machine read them."""
        if self._folder is None:
            return
        with self._lock:
            self._timer = None
            rows = [[name, dict(labels), kept] for (name, labels), kept in self._values.items()]
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._folder / f"{os.getpid()}.json"
        written = target.with_suffix(f".{threading.get_ident()}")
        written.write_text(json.dumps(rows), encoding="utf-8")
        written.replace(target)

    def _others(self) -> Iterator[tuple[Key, list[float]]]:
        """What the other processes wrote; the file of one that is gone, killed or not, is removed."""
        for path in sorted(self._folder.glob("*.json")) if self._folder is not None else ():
            if int(path.stem) == os.getpid():
                continue
            if not _lives(int(path.stem)):
                path.unlink(missing_ok=True)
                continue
            for name, labels, kept in json.loads(path.read_text(encoding="utf-8")):
                if name in METRICS:
                    yield _key(name, labels), kept


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _key(name: str, labels: dict[str, str]) -> Key:
    return name, tuple(sorted(labels.items()))


def _written(metric: Metric, values: dict[Key, list[float]]) -> str:
    """One metric in the text format; counters get the suffix that the format's users expect."""
    found = sorted((labels, kept) for (name, labels), kept in values.items() if name == metric.name)
    if not found:
        return ""
    name = f"bidproof_{metric.name}" + ("_total" if metric.kind == "counter" else "")
    lines = [f"# HELP {name} {metric.about}", f"# TYPE {name} {metric.kind}"]
    for labels, kept in found:
        if metric.kind != "histogram":
            lines.append(f"{name}{_braces(labels)} {_number(kept[0])}")
            continue
        for limit, count in zip((*metric.buckets, "+Inf"), (*kept[:-2], kept[-1]), strict=True):
            lines.append(f"{name}_bucket{_braces((*labels, ('le', str(limit))))} {_number(count)}")
        lines += [
            f"{name}_sum{_braces(labels)} {_number(kept[-2])}",
            f"{name}_count{_braces(labels)} {_number(kept[-1])}",
        ]
    return "\n".join(lines) + "\n"


def _braces(labels: Any) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
