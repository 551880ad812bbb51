"""Metrics as EMF and spans as X-Ray subsegments, by Powertools; imported by the wiring of AWS alone (spec O3, O4)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics

from shared.adapters.json_logs import logged_span
from shared.domain.metrics import NAMESPACE, labelled

Dimensions = tuple[tuple[str, str], ...]


class PowertoolsTelemetry:
    """The Telemetry port in a function. A process serves one call at a time, so what is kept belongs to that call.

    Every metric has the dimension `stage`; the labels that are no dimensions stand beside the figures for queries."""

    def __init__(self, *, stage: str) -> None:
        self._stage = stage
        self._kept: list[tuple[str, str, float, dict[str, str], Dimensions]] = []
        self._depth = 0
        self._is_cold = True

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._keep(name, value, labels)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """One more duration; CloudWatch makes the percentiles."""
        self._keep(name, seconds, labels)

    def level(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._keep(name, value, labels)

    @contextmanager
    def span(self, name: str, **ids: str) -> Iterator[None]:
        """A subsegment with the ids as annotations. X-Ray learns that it failed but not the words of the error,
        which its own context manager would send (O2)."""
        if self._is_cold:
            self._is_cold = False
            self.count("cold_starts")
        recorder = self._recorder
        segment = recorder.begin_subsegment(name)
        self._depth += 1
        has_failed = True
        try:
            if segment is not None:
                for key, value in ids.items():
                    segment.put_annotation(key, value)
            with logged_span(name, **ids):
                yield
            has_failed = False
        finally:
            if segment is not None and has_failed:
                segment.add_fault_flag()
            recorder.end_subsegment()
            self._depth -= 1
            if self._depth == 0:
                self.flush()

    def flush(self) -> None:
        """Write what is kept, one line for the metrics that share their dimensions."""
        kept, self._kept = self._kept, []
        for dimensions, labels in dict.fromkeys((row[4], tuple(row[3].items())) for row in kept):
            lines = EphemeralMetrics(namespace=NAMESPACE, service="")
            lines.add_dimension("stage", self._stage)
            for key, value in dimensions:
                lines.add_dimension(key, value)
            for key, value in labels:
                if key not in dict(dimensions):
                    lines.add_metadata(key, value)
            for name, unit, number, own, apart in kept:
                if (apart, tuple(own.items())) == (dimensions, labels):
                    lines.add_metric(name, unit, number)
            lines.flush_metrics()

    def _keep(self, name: str, value: float, labels: dict[str, str]) -> None:
        metric = labelled(name, labels)
        apart = tuple((label, labels[label]) for label in metric.dimensions)
        self._kept.append((name, metric.unit, value, labels, apart))

    @cached_property
    def _recorder(self) -> Any:
        """Made with the first span: the X-Ray SDK costs a sixth of a CPU second to import."""
        from aws_lambda_powertools import Tracer

        return Tracer(service="bidproof", auto_patch=False).provider
