"""Citations, chunks and facts with their place in the source (spec A71, A72; corrections are not built yet)."""

from typing import Annotated, Any, Literal

from fastapi import Query

from functions.api.answers import Answer, view
from functions.api.caller import Asking
from functions.api.fields import ChunkId, CitationId, ProjectId, SupplierId
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routes.documents import visible
from functions.api.routing import new_router, route
from shared.domain.facts import Fact

router = new_router()
PARTS = ("page_width", "page_height", "before", "after")


@route(router, "GET", "/citations/{citation_id}", "document.read", shows=dict[str, Any], errors=("CITATION_NOT_FOUND",))
def get_citation(caller: Asking, citation_id: CitationId) -> Answer:
    """Where a quote stands: document, page, boxes in points, and the text around it."""
    source = caller.records.verdicts.citation(citation_id)
    visible(caller, source.document_id, missing="CITATION_NOT_FOUND")
    size = {"width": source.page_width, "height": source.page_height}
    context = {"before": source.before, "after": source.after}
    return Answer(data=view(source, *PARTS, page_size=size, context=context))


@route(router, "GET", "/chunks/{chunk_id}", "document.read", shows=dict[str, Any], errors=("CHUNK_NOT_FOUND",))
def get_chunk(caller: Asking, chunk_id: ChunkId) -> Answer:
    """One chunk of a current parse run, with the name of its document."""
    chunk = caller.records.chunks.get(chunk_id)
    document = visible(caller, chunk.document_id, missing="CHUNK_NOT_FOUND")
    first = chunk.positions[0].page if chunk.positions else None
    return Answer(data=view(chunk, filename=document.filename, page=first))


@route(router, "GET", "/facts", "fact.read", lists=Fact, errors=("REQ_CURSOR_INVALID",))
def get_facts(
    caller: Asking,
    project_id: ProjectId | None = None,
    supplier_id: SupplierId | None = None,
    field: Annotated[str | None, Query(pattern="^[a-z_]{1,60}$")] = None,
    state: Literal["extracted", "confirmed", "corrected", "conflict"] | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Typed values read from documents, newest first."""
    filters = given(project_id=project_id, supplier_id=supplier_id, field=field, state=state)
    return page(
        caller,
        lambda before, count: caller.records.facts.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="fact_id",
        limit=limit,
        cursor=cursor,
        project_of=lambda fact: fact.project_id,
    )
