"""Telemetry on both platforms: the same calls, EMF and X-Ray on one, Prometheus text on the other (spec O3, O4)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.powertools import PowertoolsTelemetry
from shared.adapters.prometheus import PrometheusTelemetry
from shared.ports.telemetry import Telemetry

TRACE = "d" * 32


@pytest.fixture
def aws() -> PowertoolsTelemetry:
    return PowertoolsTelemetry(stage="dev")


@pytest.fixture
def local(tmp_path: Path) -> PrometheusTelemetry:
    return PrometheusTelemetry(tmp_path)


@pytest.fixture(params=["aws", "local"])
def telemetry(request: pytest.FixtureRequest) -> Telemetry:
    found: Telemetry = request.getfixturevalue(request.param)
    return found


def emitted(out: str) -> Iterator[dict[str, Any]]:
    """The EMF lines of an output."""
    return (json.loads(line) for line in out.splitlines())


def test_what_the_registry_does_not_have_is_refused(telemetry: Telemetry) -> None:
    with pytest.raises(KeyError):
        telemetry.count("file_names")
    with pytest.raises(ValueError):
        telemetry.count("messages", consumer="start_work", outcome="done", tenant="ten_1")
    with pytest.raises(ValueError):
        telemetry.observe("step_duration_seconds", 1.0)
    with pytest.raises(ValueError):
        telemetry.level("jobs_queued", 1)


def test_an_error_goes_through_a_span_unchanged(telemetry: Telemetry) -> None:
    with pytest.raises(KeyError, match="as it was"), telemetry.span("step ClaimJob", trace_id=TRACE):
        raise KeyError("as it was")


def test_a_call_leaves_its_metrics_as_emf_when_its_outermost_span_ends(
    aws: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    with aws.span("step ParseRange", trace_id=TRACE):
        with aws.span("inner"):
            aws.count("step_runs", step="ParseRange", outcome="done")
            aws.observe("step_duration_seconds", 1.5, step="ParseRange")
            aws.observe("step_duration_seconds", 2.5, step="ParseRange")
        assert capsys.readouterr().out == "", "not before the end of the call"
    lines = list(emitted(capsys.readouterr().out))
    found = {
        name: line for line in lines for name in ("step_runs", "step_duration_seconds", "cold_starts") if name in line
    }
    about = found["step_duration_seconds"]["_aws"]["CloudWatchMetrics"][0]
    assert about["Namespace"] == "Bidproof" and about["Dimensions"] == [["stage", "step"]]
    assert about["Metrics"] == [{"Name": "step_duration_seconds", "Unit": "Seconds"}]
    assert found["step_duration_seconds"]["step_duration_seconds"] == [1.5, 2.5]
    assert (found["step_runs"]["stage"], found["step_runs"]["step"], found["step_runs"]["outcome"]) == (
        "dev",
        "ParseRange",
        "done",
    )
    assert found["cold_starts"]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage"]]


def test_only_the_first_call_of_a_process_is_cold(aws: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with aws.span("schedule relay_outbox"):
            pass
    assert [line["cold_starts"] for line in emitted(capsys.readouterr().out)] == [[1.0]]


def test_a_route_is_told_beside_the_figures_and_costs_no_dimension(
    aws: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.count("api_requests", method="GET", route="/jobs/{job_id}", status="2xx")
    aws.flush()
    (line,) = emitted(capsys.readouterr().out)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage", "status"]]
    assert (line["route"], line["method"], line["status"]) == ("/jobs/{job_id}", "GET", "2xx")


XRAY = """
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.context import Context
class Emitter:
    sent = []
    def send_entity(self, entity): self.sent.append(entity)
xray_recorder.configure(context=Context(), emitter=Emitter(), sampling=False)
from shared.adapters.powertools import PowertoolsTelemetry
segment = xray_recorder.begin_segment("lambda")
try:
    with PowertoolsTelemetry(stage="dev").span("step ParseRange", trace_id="d" * 32, job_id="job_1"):
        raise ValueError("secret words of a document")
except ValueError:
    pass
print("\\n".join(entity.serialize() for entity in Emitter.sent))
"""


def test_a_span_is_a_subsegment_with_ids_and_without_the_words_of_an_error() -> None:
    """In a process of its own: the recorder of the SDK is one for all."""
    env = {"LAMBDA_TASK_ROOT": ".", "AWS_LAMBDA_FUNCTION_NAME": "x", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", XRAY], capture_output=True, text=True, env=env, cwd=Path(__file__).parents[2], check=True
    )
    (part,) = [row for row in map(json.loads, done.stdout.splitlines()) if row.get("name") == "step ParseRange"]
    assert part["name"] == "step ParseRange" and part["fault"] is True
    assert part["annotations"] == {"trace_id": TRACE, "job_id": "job_1"}
    assert "secret" not in done.stdout + done.stderr


def test_the_text_is_what_prometheus_reads(local: PrometheusTelemetry) -> None:
    local.count("messages", 2, consumer="start_work", outcome="done")
    local.count("messages", consumer="start_work", outcome="done")
    local.level("jobs_queued", 4, lane="bulk")
    local.observe("api_latency_seconds", 0.03, method="GET", route='/a"b\\')
    text = local.text()
    assert (
        '# TYPE bidproof_messages_total counter\nbidproof_messages_total{consumer="start_work",outcome="done"} 3\n'
        in text
    )
    assert '# TYPE bidproof_jobs_queued gauge\nbidproof_jobs_queued{lane="bulk"} 4\n' in text
    labels = 'method="GET",route="/a\\"b\\\\"'
    assert f'bidproof_api_latency_seconds_bucket{{{labels},le="0.025"}} 0\n' in text
    assert f'bidproof_api_latency_seconds_bucket{{{labels},le="0.05"}} 1\n' in text
    assert f'bidproof_api_latency_seconds_bucket{{{labels},le="+Inf"}} 1\n' in text
    assert f"bidproof_api_latency_seconds_sum{{{labels}}} 0.03\n" in text and f"_count{{{labels}}} 1\n" in text


OTHER = """
import sys, time
from pathlib import Path
from shared.adapters.prometheus import PrometheusTelemetry
made = PrometheusTelemetry(Path(sys.argv[1]))
made.count("pages_parsed", 5); made.level("jobs_running", 7)
made.observe("step_duration_seconds", 1, step="ParseRange")
made.share(); print("shared", flush=True); sys.stdin.read()
"""


def test_the_processes_of_a_machine_add_up_and_a_dead_one_is_forgotten(
    local: PrometheusTelemetry, tmp_path: Path
) -> None:
    local.count("pages_parsed", 2)
    local.observe("step_duration_seconds", 2, step="ParseRange")
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert other.stdout is not None and other.stdout.readline() == "shared\n"
    text = local.text()
    assert "bidproof_pages_parsed_total 7\n" in text and "bidproof_jobs_running 7\n" in text
    assert 'bidproof_step_duration_seconds_sum{step="ParseRange"} 3\n' in text
    other.kill()
    other.communicate()
    assert "bidproof_pages_parsed_total 2\n" in local.text()
    assert list(tmp_path.iterdir()) == []


def test_a_local_product_never_imports_what_only_aws_needs() -> None:
    code = (
        "import sys, functions.api.app, functions.entry, shared.wiring.local, infra.local.worker;"
        "print([m for m in sys.modules if m.startswith(('aws_lambda_powertools', 'aws_xray_sdk'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    assert done.stdout.strip() == "[]"
