"""Events of a run by cursor: a JSON page, a long poll, or a stream that ends and is resumed (spec A94, A130-A133)."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from functions.api.answers import Answer, json_response, time_text, to_json
from functions.api.caller import Asking, Caller
from functions.api.fields import EvaluationId, RunId
from functions.api.routing import new_router, route
from shared.domain.errors import Refused

router = new_router()
FRAMES = 200
POLL_SECONDS = 0.2
COMMENT_SECONDS = 15.0
STREAM_SECONDS = 20.0
ENDED = ("succeeded", "failed", "stopped", "lost")
Wait = Annotated[float, Query(ge=0, le=20)]
After = Annotated[int | None, Query(ge=0, le=1 << 53)]


def _frame(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": row["event_type"],
        "run_id": row["run_id"],
        "job_id": row["job_id"],
        "seq": row["seq"],
        "occurred_at": time_text(row["occurred_at"]),
        "trace_id": row["trace_id"],
        "stage": row["stage"],
        "payload": row["payload"],
    }


def _read(caller: Caller, run_id: str, after: int) -> tuple[list[dict[str, Any]], bool]:
    """Frames above the cursor, and whether nothing can follow them."""
    with caller.records.transaction():
        run = caller.records.jobs.run(run_id)
        rows: Sequence[dict[str, Any]] = caller.records.jobs.events(run_id, after=after, limit=FRAMES)
    if after < run.last_seq and (not rows or rows[0]["seq"] != after + 1):
        first = rows[0]["seq"] if rows else run.last_seq + 1
        raise Refused("EVENT_CURSOR_EXPIRED", details={"first_seq": first})
    last = rows[-1]["seq"] if rows else after
    return [_frame(row) for row in rows], run.status in ENDED and last >= run.last_seq


async def _wait(caller: Caller, run_id: str, after: int, seconds: float) -> tuple[list[dict[str, Any]], bool]:
    """Look until there are frames, the run has ended or the time is over; no thread is held while waiting."""
    until = time.monotonic() + seconds
    while True:
        frames, closed = await run_in_threadpool(_read, caller, run_id, after)
        left = until - time.monotonic()
        if frames or closed or left <= 0:
            return frames, closed
        await asyncio.sleep(min(POLL_SECONDS, left))


async def _stream(caller: Caller, run_id: str, after: int, seconds: float) -> AsyncIterator[bytes]:
    """Server-sent events: at most 200 frames and 20 s, then the client reconnects with Last-Event-ID."""
    yield b"retry: 1000\n\n"
    until, sent, closed = time.monotonic() + seconds, 0, False
    while not closed and sent < FRAMES and time.monotonic() < until:
        frames, closed = await _wait(caller, run_id, after, min(COMMENT_SECONDS, until - time.monotonic()))
        for frame in frames[: FRAMES - sent]:
            sent, after = sent + 1, frame["seq"]
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (frame["seq"], frame["type"].encode(), to_json(frame))
        if not frames and not closed:
            yield b": waiting\n\n"


async def _answer(caller: Caller, request: Request, run_id: str, cursor: int | None, wait: float) -> Response:
    if "text/event-stream" in request.headers.get("accept", ""):
        last = request.headers.get("last-event-id", "0")
        after = cursor if cursor is not None else int(last) if last.isdigit() and len(last) < 17 else 0
        seconds = wait or STREAM_SECONDS
        await run_in_threadpool(_read, caller, run_id, after)  # an expired cursor is refused before the stream begins
        return StreamingResponse(_stream(caller, run_id, after, seconds), media_type="text/event-stream")
    after = cursor or 0
    frames, closed = await _wait(caller, run_id, after, wait)
    next_cursor = frames[-1]["seq"] if frames else after
    answer = Answer(data={"items": frames, "next_cursor": next_cursor, "closed": closed})
    return json_response(answer.body(caller.meta), status=200, headers={})


@route(
    router,
    "GET",
    "/runs/{run_id}/events",
    "run.read",
    shows=dict[str, Any],
    errors=("RUN_NOT_FOUND", "EVENT_CURSOR_EXPIRED"),
)
async def get_run_events(
    caller: Asking, request: Request, run_id: RunId, cursor: After = None, wait: Wait = 0
) -> Response:
    """Events with seq above the cursor, as JSON or, with Accept: text/event-stream, as a stream."""

    def check() -> None:
        run = caller.records.jobs.run(run_id)
        caller.require("run.read", caller.records.jobs.get(run.job_id).project_id, missing="RUN_NOT_FOUND")

    await run_in_threadpool(check)
    return await _answer(caller, request, run_id, cursor, wait)


@route(
    router,
    "GET",
    "/evaluations/{evaluation_id}/events",
    "run.read",
    shows=dict[str, Any],
    errors=("EVALUATION_NOT_FOUND", "RUN_NOT_FOUND", "EVENT_CURSOR_EXPIRED"),
)
async def get_evaluation_events(
    caller: Asking, request: Request, evaluation_id: EvaluationId, cursor: After = None, wait: Wait = 0
) -> Response:
    """Events of the newest run of an evaluation."""

    def newest() -> str:
        evaluation = caller.records.evaluations.get(evaluation_id)
        caller.require("evaluation.read", evaluation.project_id, missing="EVALUATION_NOT_FOUND")
        return caller.records.jobs.newest_run(evaluation.job_id or "").run_id

    return await _answer(caller, request, await run_in_threadpool(newest), cursor, wait)
