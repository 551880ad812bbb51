"""Documents, their files, pages, chunks and blocks (spec A65, A66, A68, A70; no DELETE and no manifest yet)."""

from typing import Annotated, Any, Literal

from fastapi import Query

from functions.api.answers import Answer, accepted, view
from functions.api.caller import Asking, Caller
from functions.api.fields import DocumentId, Input, ProjectId, SupplierId, Text
from functions.api.paging import Cursor, Limit, given, page, slice_page
from functions.api.routes.jobs import started
from functions.api.routing import new_router, route
from shared.domain.blocks import Block
from shared.domain.chunks import Chunk
from shared.domain.documents import Document
from shared.domain.upload_rules import LINK_LIFE
from shared.usecases.reparse_document import ReparseDocument, reparse_document

router = new_router()
DocType = Literal["tender", "bid", "attachment"]
Status = Literal[
    "uploaded",
    "parse_queued",
    "parsing",
    "parsed",
    "indexing",
    "indexed",
    "parse_failed",
    "index_failed",
    "quarantined",
]
PageNumber = Annotated[int | None, Query(ge=1, le=100_000)]
INERT = ("application/pdf", "text/plain", "text/markdown", "image/png", "image/jpeg")
MISSING = ("DOC_NOT_FOUND",)


class Reparse(Input):
    """Why the document is read again."""

    reason: Text


def visible(caller: Caller, document_id: str, *, missing: str = "DOC_NOT_FOUND") -> Document:
    """The document, or the `missing` code when it is unknown, foreign or in a project out of sight."""
    document = caller.records.documents.get(document_id)
    caller.require("document.read", document.project_id, missing=missing)
    return document


@route(router, "GET", "/documents", "document.read", lists=Document, errors=("REQ_CURSOR_INVALID",))
def get_documents(
    caller: Asking,
    project_id: ProjectId | None = None,
    supplier_id: SupplierId | None = None,
    doc_type: DocType | None = None,
    status: Status | None = None,
    parent_id: DocumentId | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Documents, newest first; `parent_id` gives those that came out of an archive."""
    filters = given(
        project_id=project_id, supplier_id=supplier_id, doc_type=doc_type, status=status, parent_id=parent_id
    )
    return page(
        caller,
        lambda before, count: caller.records.documents.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="document_id",
        limit=limit,
        cursor=cursor,
        project_of=lambda document: document.project_id,
    )


@route(router, "GET", "/documents/{document_id}", "document.read", shows=Document, errors=MISSING)
def get_document(caller: Asking, document_id: DocumentId) -> Answer:
    """One document with a summary of its current parse run as `parse`; of an archive every file as `entries`, with its
    document or the code it was refused with."""
    document = visible(caller, document_id)
    parse = None
    if document.parse_run_id is not None:
        parse = view(caller.records.parse_runs.get(document.parse_run_id), "manifest", "document_id")
    entries = [view(entry, "parent_id") for entry in caller.records.archives.of(document_id)]
    return Answer(data=view(document, parse=parse, entries=entries), etag=document.row_version)


@route(
    router,
    "POST",
    "/documents/{document_id}/parse",
    "document.parse",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(*MISSING, "WF_STATE_TRANSITION_INVALID", "TENANT_BACKLOG_FULL"),
)
def post_parse(caller: Asking, document_id: DocumentId, body: Reparse) -> Answer:
    """Read the document once more. An indexed one is searched and cited as it is until the new run is whole; of a
    failed one this resolves the dead letter. Each format has one reader, so there is nothing to wish for."""
    document = caller.records.documents.get(document_id)
    caller.require("document.parse", document.project_id, missing="DOC_NOT_FOUND")
    made = caller.run(reparse_document, ReparseDocument(document_id=document_id, reason=body.reason))
    return accepted(started(made.job, made.run_id), location=f"/api/v1/jobs/{made.job.job_id}")


@route(
    router,
    "GET",
    "/documents/{document_id}/raw",
    "document.read",
    shows=dict[str, Any],
    errors=(*MISSING, "DOC_STORAGE_MISSING"),
)
def get_raw(caller: Asking, document_id: DocumentId) -> Answer:
    """A link to the original file for 15 minutes; active types are forced to download (A21)."""
    document = visible(caller, document_id)
    blob = caller.records.uploads.blob(document.sha256)
    signed = caller.parts.objects.sign_get(
        blob.object_key,
        filename=document.filename,
        attachment=document.media_type not in INERT,
        expires_at=caller.parts.clock.now() + LINK_LIFE,
    )
    changes = {"sha256": document.sha256}
    caller.records.trail.audit("document.link_issued", "document", document_id, changes=changes)
    return Answer(data={"url": signed.url, "expires_at": signed.expires_at, "sha256": document.sha256})


@route(router, "GET", "/documents/{document_id}/pages", "document.read", shows=dict[str, Any], errors=MISSING)
def get_pages(
    caller: Asking,
    document_id: DocumentId,
    first: Annotated[int | None, Query(alias="from", ge=1, le=100_000)] = None,
    last: Annotated[int | None, Query(alias="to", ge=1, le=100_000)] = None,
) -> Answer:
    """Pages with size in points, kind, route and measured values."""
    document = visible(caller, document_id)
    planned = []
    if document.parse_run_id is not None:
        planned = caller.records.parse_runs.pages(document.parse_run_id, first=first, last=last)
    items = [view(one.page, done=one.done, readable=one.readable) for one in planned]
    return Answer(data={"document_id": document_id, "parse_run_id": document.parse_run_id, "items": items})


@route(
    router,
    "GET",
    "/documents/{document_id}/chunks",
    "document.read",
    lists=Chunk,
    errors=(*MISSING, "REQ_CURSOR_INVALID"),
)
def get_chunks(
    caller: Asking,
    document_id: DocumentId,
    page: PageNumber = None,
    type: Literal["text", "table", "list", "image", "formula"] | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Chunks in reading order, with the places they stand at."""
    visible(caller, document_id)
    chunks = caller.records.chunks.on_page(document_id, page=page, chunk_type=type)
    return slice_page(caller, chunks, filters=given(page=page, type=type), limit=limit, cursor=cursor)


@route(
    router,
    "GET",
    "/documents/{document_id}/blocks",
    "document.read",
    lists=Block,
    errors=(*MISSING, "REQ_CURSOR_INVALID"),
)
def get_blocks(
    caller: Asking,
    document_id: DocumentId,
    page: PageNumber = None,
    type: Annotated[str | None, Query(pattern="^[a-z_]{1,20}$")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Blocks in reading order."""
    document = visible(caller, document_id)
    blocks: list[Block] = []
    if document.parse_run_id is not None:
        blocks = caller.records.parse_runs.blocks(document.parse_run_id, page=page, type=type)
    return slice_page(caller, blocks, filters=given(page=page, type=type), limit=limit, cursor=cursor)
