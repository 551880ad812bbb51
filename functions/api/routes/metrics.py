"""The figures of this machine as Prometheus text, for a reader on the machine itself (spec O3).

Mounted where the processes share their figures; on AWS they are EMF lines, and the gateway has no such route."""

from fastapi import APIRouter, Request, Response

from shared.adapters.prometheus import CONTENT_TYPE, PrometheusTelemetry
from shared.domain.errors import Refused

router = APIRouter(include_in_schema=False)
LOOPBACK = ("127.0.0.1", "::1")
FORWARDED = ("forwarded", "x-forwarded-for", "via")  # what a proxy on this machine would add for somebody elsewhere


@router.get("/internal/metrics")
def get_metrics(request: Request) -> Response:
    """The text; for anybody elsewhere there is no such route."""
    caller = request.client.host if request.client is not None else ""
    if caller not in LOOPBACK or any(name in request.headers for name in FORWARDED):
        raise Refused("REQ_NOT_FOUND")
    telemetry: PrometheusTelemetry = request.app.state.services.telemetry
    return Response(telemetry.text(), media_type=CONTENT_TYPE)
