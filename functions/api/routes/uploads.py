"""Upload sessions: the bytes go to the object store by links signed here (spec A60-A64)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from functions.api.answers import Answer, accepted, created, view
from functions.api.caller import Asking, Caller
from functions.api.fields import FileId, Input, ProjectId, Sha256, SupplierId, UploadId
from functions.api.routing import new_router, route
from shared.domain.documents import UploadSession
from shared.domain.errors import Refused
from shared.domain.upload_rules import FILES_LIMIT, DeclaredFile, SentPart
from shared.ports.upload_links import FileLinks
from shared.usecases.abort_upload import AbortUpload, abort_upload
from shared.usecases.check_upload import CheckUpload, check_upload
from shared.usecases.finish_upload import FinishedFile, FinishUpload, SentFile, finish_upload
from shared.usecases.open_upload import OpenUpload, open_upload
from shared.usecases.sign_upload_links import SignUploadLinks, sign_upload_links

router = new_router()
OPEN_ERRORS = (
    "PROJECT_NOT_FOUND",
    "SUPPLIER_NOT_FOUND",
    "PROJECT_CLOSED",
    "UPLOAD_FILES_LIMIT_EXCEEDED",
    "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED",
    "INPUT_UNSUPPORTED_FORMAT",
    "INPUT_FILENAME_UNSAFE",
    "INPUT_EMPTY_FILE",
    "INPUT_PRIMARY_REQUIRED",
    "UPLOAD_SESSIONS_LIMIT_EXCEEDED",
)
SESSION_ERRORS = ("UPLOAD_SESSION_NOT_FOUND", "UPLOAD_SESSION_EXPIRED", "UPLOAD_SESSION_STATE_CONFLICT")
FINISH_ERRORS = (
    "UPLOAD_FILE_NOT_FOUND",
    "UPLOAD_INCOMPLETE",
    "UPLOAD_PARTS_INVALID",
    "CHECKSUM_MISMATCH",
    "PROJECT_CLOSED",
    "TENANT_BACKLOG_FULL",
)
PartNumber = Annotated[int, Field(ge=1, le=10_000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class AnnouncedFile(BaseModel):
    """A file to come; size in bytes, SHA-256 as 64 lower-case hex digits."""

    model_config = ConfigDict(extra="forbid")
    filename: Line
    doc_type: Literal["tender", "bid", "attachment"]
    role: Literal["primary", "attachment"]
    size_bytes: Annotated[int, Field(ge=0, le=1 << 62)]
    sha256: Sha256
    media_type: Line


class NewUpload(Input):
    """A bundle; without a supplier it holds tender documents."""

    project_id: ProjectId
    supplier_id: SupplierId | None = None
    files: Annotated[list[AnnouncedFile], Field(min_length=1, max_length=1000)]


class WantedLinks(Input):
    """Which links are needed again; nothing named means all that are missing."""

    file_ids: Annotated[list[FileId], Field(max_length=FILES_LIMIT)] = Field(default_factory=list)
    part_numbers: Annotated[list[PartNumber], Field(max_length=10_000)] = Field(default_factory=list)


class Part(BaseModel):
    """A part as it was answered by the store."""

    model_config = ConfigDict(extra="forbid")
    no: PartNumber
    etag: Line
    sha256: Sha256 | None = None


class Sent(BaseModel):
    """A file that was sent, with its parts in multipart mode."""

    model_config = ConfigDict(extra="forbid")
    file_id: FileId
    parts: Annotated[list[Part], Field(max_length=10_000)] = Field(default_factory=list)


class Completion(Input):
    """The files that were sent."""

    files: Annotated[list[Sent], Field(max_length=FILES_LIMIT)] = Field(default_factory=list)


def _links(links: FileLinks) -> dict[str, Any]:
    shown: dict[str, Any] = {"file_id": links.file_id, "mode": links.mode}
    if links.put is not None:
        shown["put"] = {"url": links.put.url, "headers": links.put.headers}
    if links.parts:
        parts = [{"no": part.no, "url": part.request.url, "headers": part.request.headers} for part in links.parts]
        shown["multipart"] = {"part_size": links.part_size, "parts": parts}
    return shown


def _project(caller: Caller, upload_id: str) -> None:
    caller.require_for(
        "document.upload",
        lambda: caller.records.uploads.get(upload_id).project_id,
        missing="UPLOAD_SESSION_NOT_FOUND",
    )


@route(router, "POST", "/uploads", "document.upload", shows=dict[str, Any], status=201, keyed=True, errors=OPEN_ERRORS)
def post_upload(caller: Asking, body: NewUpload) -> Answer:
    """Open a session and get the links to send the files by."""
    caller.require("document.upload", body.project_id, missing="PROJECT_NOT_FOUND")
    files = tuple(DeclaredFile(**file.model_dump()) for file in body.files)
    command = OpenUpload(project_id=body.project_id, supplier_id=body.supplier_id, files=files)
    opened = caller.run(open_upload, command)
    shown = [
        _links(links) | {"filename": file.filename} for file, links in zip(opened.files, opened.links, strict=True)
    ]
    data = view(opened.upload, files=shown, links_expire_at=opened.links_expire_at)
    return created(data, location=f"/api/v1/uploads/{opened.upload.upload_id}", etag=opened.upload.row_version)


@route(
    router, "GET", "/uploads/{upload_id}", "document.upload", shows=dict[str, Any], errors=("UPLOAD_SESSION_NOT_FOUND",)
)
def get_upload(caller: Asking, upload_id: UploadId) -> Answer:
    """What was announced and what has arrived, per file."""
    _project(caller, upload_id)
    checked = caller.run(check_upload, CheckUpload(upload_id=upload_id))
    files = [
        view(one.file, "object_key", "multipart_id", "parts", state=one.state, received_parts=one.parts)
        for one in checked.files
    ]
    return Answer(data=view(checked.upload, files=files), etag=checked.upload.row_version)


@route(
    router,
    "POST",
    "/uploads/{upload_id}/links",
    "document.upload",
    shows=dict[str, Any],
    errors=(*SESSION_ERRORS, "UPLOAD_FILE_NOT_FOUND"),
)
def post_links(caller: Asking, upload_id: UploadId, body: WantedLinks | None = None) -> Answer:
    """Fresh links for what is missing."""
    _project(caller, upload_id)
    wanted = body or WantedLinks()
    command = SignUploadLinks(
        upload_id=upload_id, file_ids=tuple(wanted.file_ids), part_numbers=tuple(wanted.part_numbers)
    )
    signed = caller.run(sign_upload_links, command)
    return Answer(
        data={
            "upload_id": upload_id,
            "files": [_links(links) for links in signed.links],
            "links_expire_at": signed.links_expire_at,
        }
    )


def _item(item: FinishedFile) -> dict[str, Any]:
    """The document and job, or the code; absent and null mean the same."""
    if item.document_id is None:
        return {"file_id": item.file_id, "code": item.code, "retryable": item.retryable}
    return view(item, "code", "retryable")


@route(
    router,
    "POST",
    "/uploads/{upload_id}/complete",
    "document.upload",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=(*SESSION_ERRORS, *FINISH_ERRORS),
)
def post_complete(caller: Asking, upload_id: UploadId, body: Completion | None = None) -> Answer:
    """Compare what arrived and start reading each file; repeating it gives the same documents."""
    _project(caller, upload_id)
    sent = tuple(
        SentFile(file_id=file.file_id, parts=tuple(SentPart(**part.model_dump()) for part in file.parts))
        for file in (body or Completion()).files
    )
    done = caller.run(finish_upload, FinishUpload(upload_id=upload_id, files=sent))
    data = {"upload_id": upload_id, "status": done.upload.status, "items": [_item(item) for item in done.items]}
    return accepted(data, location=f"/api/v1/uploads/{upload_id}")


@route(
    router,
    "DELETE",
    "/uploads/{upload_id}",
    "document.upload",
    shows=UploadSession,
    match=True,
    errors=("UPLOAD_SESSION_NOT_FOUND", "UPLOAD_SESSION_STATE_CONFLICT"),
)
def delete_upload(caller: Asking, upload_id: UploadId) -> Answer:
    """Abort the session and remove what arrived."""
    _project(caller, upload_id)
    current = caller.records.uploads.get(upload_id)
    if current.row_version != caller.if_match and current.status != "aborted":
        raise Refused("REQ_PRECONDITION_FAILED", details={"row_version": current.row_version})
    upload = caller.run(abort_upload, AbortUpload(upload_id=upload_id))
    return Answer(data=upload, etag=upload.row_version)
