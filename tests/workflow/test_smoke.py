"""The steps of `make smoke` against the whole product over real HTTP: they pass, and say which of them does not."""

from collections.abc import Iterator

import pytest

from infra.smoke import smoke
from tests.workflow.live_product import Live, live_product


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_product(tmp_path_factory.mktemp("smoke") / "data") as running:
        yield running


def test_a_bid_is_evaluated_reviewed_and_cited_and_every_step_is_told_with_its_time(live: Live) -> None:
    told: list[str] = []
    url = live.prepared.settings.public_url
    done = smoke(url, live.prepared.token, minutes=3, show=told.append)
    steps = [line.split()[0] for line in told]
    assert steps == [
        "ready",
        "rules",
        "project",
        "supplier",
        "documents",
        "evaluation",
        "review",
        "report",
        "citations",
    ]
    assert all(line.endswith(" s") for line in told)
    assert done.citations >= 2
    assert live.client.call("GET", f"/evaluations/{done.evaluation_id}")["status"] == "report_generated"
    project = live.client.call("GET", f"/projects/{done.project_id}")
    assert (project["status"], project["code"].startswith("smoke-")) == ("archived", True)
