"""The links of the local object store: bytes in and out, streamed to and from disk (spec A53, A54, A20).

Mounted on one machine only; elsewhere the links lead to the object store itself."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import StreamingResponse

from shared.adapters.filesystem import FilesystemObjects, Grant, Incoming
from shared.domain.errors import Refused

router = APIRouter(include_in_schema=False)
PIECE = 1 << 20


def _objects(request: Request) -> FilesystemObjects:
    found: FilesystemObjects = request.app.state.services.objects
    return found


@router.put("/objects/{key:path}")
async def put_object(request: Request, key: str) -> Response:
    """Take the bytes that the link was signed for, and no others; memory stays below a few MiB."""
    objects = _objects(request)
    grant = objects.verify("PUT", key, request.query_params)
    if grant.size_bytes is not None:
        _check_headers(request, grant)
    with objects.receive(grant) as incoming:
        async for piece in _pieces(request):
            await run_in_threadpool(incoming.write, piece)
        etag = await run_in_threadpool(_finish, incoming)
    return Response(status_code=200, headers={"ETag": f'"{etag}"'})


def _finish(incoming: Incoming) -> str:
    return incoming.finish()


def _check_headers(request: Request, grant: Grant) -> None:
    """The headers the link names are part of it; a wrong length is refused before a byte is read."""
    length = request.headers.get("content-length")
    if length is not None and length != str(grant.size_bytes):
        raise Refused("UPLOAD_FILE_SIZE_LIMIT_EXCEEDED", details={"limit": grant.size_bytes})
    if request.headers.get("if-none-match") != "*":
        raise Refused("REQ_PRECONDITION_REQUIRED")
    if request.headers.get("content-type") != grant.media_type:
        raise Refused("REQ_UNSUPPORTED_MEDIA_TYPE")


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of about 1 MiB, so that the disk is not asked for every packet."""
    held = bytearray()
    async for packet in request.stream():
        held += packet
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


@router.get("/objects/{key:path}")
async def get_object(request: Request, key: str) -> Response:
    """The bytes of one object version under the name the link gives them."""
    objects = _objects(request)
    grant = objects.verify("GET", key, request.query_params)
    stored = await run_in_threadpool(objects.head, key)
    if grant.version is not None and grant.version != stored.version:
        raise Refused("REQ_NOT_FOUND")
    kind = "attachment" if grant.attachment else "inline"
    headers = {
        "Content-Length": str(stored.size_bytes),
        "ETag": f'"{stored.sha256}"',
        "Content-Disposition": f"{kind}; filename*=UTF-8''{quote(grant.filename or 'file')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    body = iterate_in_threadpool(objects.stream(key))
    return StreamingResponse(body, headers=headers, media_type=grant.media_type or "application/octet-stream")
