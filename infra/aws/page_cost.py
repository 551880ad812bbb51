"""What 1,000 pages cost on a stage: bids of so many pages, from upload to report, with the stored measurements."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws.bundle import ROOT
from infra.aws.catalogue import CATALOGUE
from infra.aws.idle_cost import Line
from infra.aws.prices import Prices
from infra.aws.stages import Stage
from infra.aws.workflows import snake
from shared.domain.ingest_plan import RANGE_PAGES
from shared.domain.plans import CRITERIA_PER_GROUP, MAX_GROUPS

PAGES = 1000
RESULTS = ROOT / "bench" / "results"
# The way of a readable PDF, and of a bid whose judged criteria go to a person; a Map stands before its inner states.
INGEST = (
    "ClaimJob IsClaimed InspectFile IsArchive RoutePages EachRange ParseRange ChunkDocument ExtractFacts StartIndexing"
    " IndexChunks MoreToIndex FinishIngestion Indexed"
).split()
EVALUATE = (
    "ClaimJob IsClaimed ChooseEntry PlanEvaluation EachGroup StartGroup EvaluateCriteria GroupDone GroupEnd ScoreBid"
    " ReviewNeeded OpenReview ReviewOutcome EachDecidedGroup StartGroupDecided EvaluateCriteriaDecided GroupDoneDecided"
    " GroupEndDecided ScoreBidReviewed Rejected BuildReport FinishEvaluation Finished"
).split()


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of bench/results. Seconds are CPU seconds of the measuring machine."""

    survey_page: float
    parse_page: float
    chunk_page: float
    chunks_a_page: float
    judged: float  # of one judged criterion with all that belongs to its run: an upper bound
    imports: Mapping[str, float]  # by function


def measured(folder: Path = RESULTS) -> Measured:
    """The stored figures; raises FileNotFoundError when a measurement is gone."""
    text, contracts, imports = (
        _figures(folder / f"{name}.json") for name in ("pdf_text", "contractnli", "import_time")
    )
    cores = json.loads((folder / "contractnli.json").read_text(encoding="utf-8"))["machine"]["cores"]
    return Measured(
        survey_page=1 / text["survey_pages_per_cpu_second"],
        parse_page=1 / text["parse_pages_per_cpu_second"],
        chunk_page=1 / text["chunk_pages_per_cpu_second"],
        chunks_a_page=text["chunks"] / text["pages"],
        judged=contracts["seconds_to_suggestions"] * cores / contracts["packs"],
        imports=imports,
    )


def _figures(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return found


class Work:
    """1,000 pages as bids; `visits` says how often each state is entered."""

    def __init__(self, prices: Prices, figures: Measured) -> None:
        self.given, self.figures = prices.given, figures
        self.bids = PAGES / prices.given("pages_a_bid")
        self.groups = min(MAX_GROUPS, -(-prices.given("criteria_a_bid") // CRITERIA_PER_GROUP))
        self.ranges = -(-prices.given("pages_a_bid") // RANGE_PAGES)

    def visits(self) -> list[tuple[str, float]]:
        """(state, times) over both machines and all bids."""
        inside = ("Group", "EvaluateCriteria")
        times = {state: self.ranges if state == "ParseRange" else 1 for state in INGEST}
        found = [(state, number * self.bids) for state, number in times.items()]
        for state in EVALUATE:
            grouped = any(word in state for word in inside) and not state.startswith("Each")
            found.append((state, self.bids * (self.groups if grouped else 1)))
        return found

    def calls(self) -> dict[str, float]:
        """Calls by function of the catalogue."""
        found: dict[str, float] = {}
        for state, times in self.visits():
            name = snake(state.removesuffix("Decided").removesuffix("Reviewed"))
            if name in CATALOGUE:
                found[name] = found.get(name, 0) + times
        return found | {"api": self.bids * self.given("requests_a_bid")}

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds of the work itself by function."""
        figures, given = self.figures, self.given
        return {
            "route_pages": PAGES * figures.survey_page,
            "parse_range": PAGES * figures.parse_page,
            "chunk_document": PAGES * figures.chunk_page,
            "extract_facts": PAGES * given("facts_seconds_a_page"),
            "index_chunks": PAGES * figures.chunks_a_page * given("embed_seconds_a_chunk"),
            "evaluate_criteria": self.bids * given("judged_a_bid") * figures.judged,
        }

    def gb_seconds(self) -> dict[str, float]:
        """Run time times memory by function: work on the vCPUs that the memory gives, and the fixed part of each call.

        More than one vCPU is counted as one: most of the work runs on one thread."""
        found: dict[str, float] = {}
        slowest, work = max(self.figures.imports.values()), self.cpu_seconds()
        for name, calls in self.calls().items():
            memory = CATALOGUE[name].memory
            fixed = self.given("seconds_a_request" if name == "api" else "seconds_a_step")
            cold = self.given("cold_share") * self.figures.imports.get(name, slowest)
            speed = min(1.0, memory / self.given("mb_a_vcpu"))
            found[name] = (calls * (fixed + cold) + work.get(name, 0.0) / speed) * memory / 1024
        return found

    def steps(self) -> list[tuple[str, int, float, float, float]]:
        """(function, MiB, calls, CPU seconds of the work itself, GB-seconds), the dearest first."""
        calls, work = self.calls(), self.cpu_seconds()
        spent = sorted(self.gb_seconds().items(), key=lambda item: -item[1])
        return [(name, CATALOGUE[name].memory, calls[name], work.get(name, 0.0), used) for name, used in spent]


def page_lines(stage: Stage, prices: Prices, figures: Measured) -> list[Line]:
    """What 1,000 pages add to the idle cost of a stage."""
    work = Work(prices, figures)
    return [
        Line(part=part, quantity=quantity, price=price, usd=quantity * prices.usd(price))
        for part, quantity, price in _quantities(stage, work)
    ]


def _quantities(stage: Stage, work: Work) -> Iterator[tuple[str, float, str]]:
    given, calls = work.given, sum(work.calls().values())
    states = sum(times for _, times in work.visits())
    jobs = 2 * work.bids  # one to ingest, one to evaluate
    yield "run time of functions", sum(work.gb_seconds().values()), "lambda_gb_second"
    yield "calls of functions", calls / 1e6, "lambda_million"
    yield "state transitions", states / 1000, "states_thousand"
    yield "API requests", work.bids * given("requests_a_bid") / 1e6, "http_million"
    yield "events", jobs * given("events_a_job") / 1e6, "event_million"
    yield "messages", jobs * given("events_a_job") * 3 / 1e6, "queue_million"
    yield "object writes", PAGES * given("puts_a_page") / 1000, "object_puts"
    yield "object reads", PAGES * given("gets_a_page") / 10_000, "object_gets"
    yield "objects, first month", PAGES * given("mb_a_page") / 1000, "object_gb_month"
    busy = sum(work.cpu_seconds().values()) * given("database_share") / given("vcpu_an_acu") / 3600
    instances = 1 + stage.database_readers  # a standby scales with the writer
    yield f"Aurora under load, {instances} instances", busy * instances, "aurora_acu_hour"
    yield "Aurora I/O", PAGES * given("writes_a_page") / 1e6, "aurora_io_million"
    yield "key requests", calls / 10_000, "kms_requests"
    yield "traces", (jobs + work.bids * given("requests_a_bid")) / 1e6, "traces_million"
    yield "logs", (calls * given("log_kb_a_call") + states * given("log_kb_a_state")) / 1e6, "logs_gb"
