"""Limits, modes and the hash of a bundle (A54-A57)."""

import hashlib
from dataclasses import replace

import pytest

from shared.domain.errors import Refused
from shared.domain.upload_rules import (
    FILE_LIMIT,
    MULTIPART_FROM,
    PART_SIZE,
    DeclaredFile,
    SentPart,
    accepted_type,
    bundle_hash,
    check_bundle,
    check_parts,
    mode_of,
    part_count,
)

FILE = DeclaredFile(
    filename="a.pdf", doc_type="bid", role="primary", size_bytes=10, sha256="a" * 64, media_type="application/pdf"
)


def refusal(files: list[DeclaredFile], *, supplier_id: str | None = "sup_1") -> str:
    with pytest.raises(Refused) as caught:
        check_bundle(files, supplier_id=supplier_id)
    return caught.value.code


def test_a_bundle_within_the_limits_is_accepted() -> None:
    check_bundle([FILE, replace(FILE, role="attachment", doc_type="attachment")], supplier_id="sup_1")
    check_bundle([replace(FILE, doc_type="tender", size_bytes=FILE_LIMIT)], supplier_id=None)


@pytest.mark.parametrize("primaries", [0, 2])
def test_exactly_one_file_is_the_primary_one(primaries: int) -> None:
    files = [replace(FILE, role="primary" if place < primaries else "attachment") for place in range(3)]
    assert refusal(files) == "INPUT_PRIMARY_REQUIRED"


def test_too_many_or_too_large_files_are_refused() -> None:
    others = [replace(FILE, role="attachment")] * 63
    check_bundle([FILE, *others], supplier_id="sup_1")
    assert refusal([FILE, *others, others[0]]) == "UPLOAD_FILES_LIMIT_EXCEEDED"
    assert refusal([]) == "UPLOAD_FILES_LIMIT_EXCEEDED"
    assert refusal([replace(FILE, size_bytes=FILE_LIMIT + 1)]) == "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED"
    full = [replace(FILE, role="attachment", size_bytes=FILE_LIMIT)] * 5
    assert refusal([FILE, *full]) == "UPLOAD_FILES_LIMIT_EXCEEDED"
    assert refusal([replace(FILE, size_bytes=0)]) == "INPUT_EMPTY_FILE"


@pytest.mark.parametrize(
    "changed",
    [
        {"sha256": "A" * 64},
        {"sha256": "a" * 63},
        {"role": "main"},
        {"doc_type": "contract"},
        {"doc_type": "tender"},
        {"media_type": ""},
        {"size_bytes": -1},
    ],
)
def test_a_field_that_cannot_be_is_named(changed: dict[str, object]) -> None:
    with pytest.raises(Refused) as caught:
        check_bundle([replace(FILE, **changed)], supplier_id="sup_1")  # type: ignore[arg-type]
    assert caught.value.code == "REQ_VALIDATION_FAILED"
    assert caught.value.details["fields"] == [f"files[0].{next(iter(changed))}"]


def test_a_bid_needs_its_bidder_and_a_tender_has_none() -> None:
    assert refusal([FILE], supplier_id=None) == "REQ_VALIDATION_FAILED"
    check_bundle([replace(FILE, doc_type="attachment")], supplier_id=None)


def test_files_from_64_mebibytes_come_in_parts_of_8() -> None:
    assert (mode_of(MULTIPART_FROM - 1), mode_of(MULTIPART_FROM)) == ("direct", "multipart")
    assert part_count(MULTIPART_FROM) == 8
    assert part_count(MULTIPART_FROM + 1) == 9
    assert part_count(FILE_LIMIT) == FILE_LIMIT // PART_SIZE == 128


@pytest.mark.parametrize("numbers", [[], [1], [1, 1], [2, 3], [0, 1], [1, 2, 3]])
def test_parts_are_complete_and_each_comes_once(numbers: list[int]) -> None:
    check_parts([SentPart(no=2, etag="b"), SentPart(no=1, etag="a")], size_bytes=PART_SIZE + 1)
    with pytest.raises(Refused) as caught:
        check_parts([SentPart(no=no, etag="e") for no in numbers], size_bytes=PART_SIZE + 1)
    assert caught.value.code == "UPLOAD_PARTS_INVALID"


def test_the_bundle_hash_knows_no_order_and_no_names() -> None:
    other = replace(FILE, role="attachment", sha256="b" * 64)
    assert bundle_hash([FILE, other]) == bundle_hash([replace(other, filename="x.pdf"), FILE])
    assert bundle_hash([FILE, other]) != bundle_hash([FILE, replace(other, size_bytes=11)])
    written = '[{"role":"primary","sha256":"' + "a" * 64 + '","size_bytes":10}]'
    assert bundle_hash([FILE]) == hashlib.sha256(written.encode()).hexdigest()


@pytest.mark.parametrize(
    ("filename", "media_type", "found"),
    [
        ("a.pdf", "application/pdf", "application/pdf"),
        ("a.pdf", "application/octet-stream", "application/pdf"),
        ("a.zip", "application/x-zip-compressed", "application/zip"),
        ("a.txt", "text/plain; charset=utf-8", "text/plain"),
        ("readme", "text/plain", "text/plain"),
    ],
)
def test_the_type_comes_from_name_and_declaration(filename: str, media_type: str, found: str) -> None:
    assert accepted_type(filename, media_type) == found


@pytest.mark.parametrize(
    ("filename", "media_type"),
    [
        ("a.xlsx", "application/pdf"),
        ("a.pdf", "video/mp4"),
        ("a.zip", "image/png"),
        ("a.ofd", "application/zip"),
        ("a", "application/octet-stream"),
    ],
)
def test_a_type_that_nobody_reads_is_refused_with_the_accepted_ones(filename: str, media_type: str) -> None:
    with pytest.raises(Refused) as caught:
        accepted_type(filename, media_type)
    assert caught.value.code == "INPUT_UNSUPPORTED_FORMAT"
    assert "application/pdf" in caught.value.details["accepted"]
