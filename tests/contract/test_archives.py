"""Archives of every bad kind, each a real file, read as the worker reads them: in a child process (P22-P27, P81)."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.adapters.file_inspection import FileInspection, ZipArchives
from shared.adapters.parser_process import ProcessArchives
from shared.domain import archives
from shared.domain.archives import ArchiveEntry
from shared.domain.errors import CodedError
from shared.domain.file_types import DOCX, PDF, TEXT, ZIP
from shared.ports.reading import Inspected
from tests.archives import LINK, PIPE, write_raw, write_zip, zip_bytes
from tests.contract.parsing_samples import offer_docx, offer_pdf

TEN = b"Delivery period: 60 calendar days.\n"
MIB = 1 << 20


@pytest.fixture(scope="module")
def reader() -> Iterator[ProcessArchives]:
    made = ProcessArchives(size=1)
    yield made
    made.close()


def entries_of(reader: ProcessArchives, path: Path) -> list[ArchiveEntry]:
    with reader.opened(path) as opened:
        return list(opened.entries)


def refusal(reader: ProcessArchives, path: Path) -> CodedError:
    """How the whole archive is refused."""
    with pytest.raises(CodedError) as caught:
        entries_of(reader, path)
    return caught.value


def test_files_come_out_in_order_with_type_and_bytes(reader: ProcessArchives, tmp_path: Path) -> None:
    pdf, docx = offer_pdf(tmp_path).read_bytes(), offer_docx(tmp_path).read_bytes()
    files = {"b/offer.pdf": pdf, "a/": b"", "a/price.docx": docx, "note.txt": TEN}
    path = write_zip(tmp_path / "bid.zip", files)
    assert FileInspection().inspect(path, "bid.zip", "application/x-zip-compressed") == Inspected(ZIP, None)
    with reader.opened(path) as opened:
        assert [(e.entry_no, e.name, e.media_type, e.outcome) for e in opened.entries] == [
            (0, "b/offer.pdf", PDF, "registered"),
            (1, "a/price.docx", DOCX, "registered"),
            (2, "note.txt", TEXT, "registered"),
        ]
        for entry in opened.entries:
            with opened.extracted(entry) as file:
                assert file.read_bytes() == files[entry.name]
                folder = file.parent
            assert not file.exists()
    assert not folder.exists()


def test_archives_in_an_archive_are_opened_once_and_no_deeper(reader: ProcessArchives, tmp_path: Path) -> None:
    inner = zip_bytes(tmp_path / "x", {"price.txt": TEN, "method.txt": TEN * 2})
    path = write_zip(tmp_path / "bid.zip", {"first.txt": TEN * 3, "parts.zip": inner, "last.txt": TEN * 4})
    with reader.opened(path) as opened:
        assert [e.name for e in opened.entries] == [
            "first.txt",
            "parts.zip/price.txt",
            "parts.zip/method.txt",
            "last.txt",
        ]
        assert [e.place for e in opened.entries] == [(0,), (1, 0), (1, 1), (2,)]
        for entry, times in zip(opened.entries, (3, 1, 2, 4), strict=True):
            with opened.extracted(entry) as file:
                assert file.read_bytes() == TEN * times
    deep = write_zip(tmp_path / "deep.zip", {"a.txt": TEN, "b.zip": zip_bytes(tmp_path / "y", {"c.zip": inner})})
    error = refusal(reader, deep)
    assert (error.code, error.details) == (
        "DOC_EXPANSION_LIMIT_EXCEEDED",
        {"what": "nesting", "limit": 2, "measured": 3},
    )


@pytest.mark.parametrize(
    ("name", "mode", "reason"),
    [
        (b"../evil.txt", 0o100644, "parent_folder"),
        (b"docs/..\\..\\evil.txt", 0o100644, "parent_folder"),
        (b"/etc/passwd.txt", 0o100644, "absolute_path"),
        (b"\\\\host\\share\\a.txt", 0o100644, "absolute_path"),
        (b"C:\\windows\\a.txt", 0o100644, "absolute_path"),
        (b"link.txt", LINK, "link_or_device"),
        (b"pipe.txt", PIPE, "link_or_device"),
        (b"a.txt\x00.exe", 0o100644, "name"),
    ],
)
def test_a_path_that_leads_out_refuses_the_whole(
    reader: ProcessArchives, tmp_path: Path, name: bytes, mode: int, reason: str
) -> None:
    path = write_raw(tmp_path / "bad.zip", [(name, TEN)], mode=mode)
    for error in (refusal(reader, path), _inspected(path)):
        assert error.code == "INPUT_ARCHIVE_UNSAFE"
        assert error.details["entries"][0]["reason"] == reason
    inner = write_zip(tmp_path / "outer.zip", {"good.txt": TEN, "bad.zip": path.read_bytes()})
    assert refusal(reader, inner).code == "INPUT_ARCHIVE_UNSAFE"
    assert {p.name for p in tmp_path.iterdir()} == {"bad.zip", "outer.zip"}


def _inspected(path: Path) -> CodedError:
    with pytest.raises(CodedError) as caught:
        FileInspection().inspect(path, path.name, None)
    return caught.value


def test_two_files_of_one_path_refuse_the_whole(reader: ProcessArchives, tmp_path: Path) -> None:
    path = write_raw(tmp_path / "twice.zip", [(b"price.txt", TEN), (b"price.txt", TEN * 2)])
    error = refusal(reader, path)
    assert (error.code, error.details["entries"][0]["reason"]) == ("INPUT_ARCHIVE_UNSAFE", "same_name_twice")


@pytest.mark.parametrize(
    ("names", "flags", "expected"),
    [
        (["投标文件/报价.txt", "资质.txt"], 0, "gb18030"),
        (["投标文件/报价.txt", "资质.txt"], 0, "utf-8"),
        (["投标文件/报价.txt", "資質.txt"], 0x800, "utf-8"),
    ],
)
def test_chinese_names_are_read_in_what_they_were_written(
    reader: ProcessArchives, tmp_path: Path, names: list[str], flags: int, expected: str
) -> None:
    path = write_raw(tmp_path / "bid.zip", [(name.encode(expected), TEN) for name in names], flags=flags)
    assert [entry.name for entry in entries_of(reader, path)] == names


def test_a_unicode_path_beside_the_name_wins_when_it_belongs_to_it(reader: ProcessArchives, tmp_path: Path) -> None:
    for checksum, expected in ((zlib.crc32(b"baojia.txt"), "报价.txt"), (1, "baojia.txt")):
        body = struct.pack("<BL", 1, checksum) + "报价.txt".encode()
        extra = struct.pack("<HH", 0x7075, len(body)) + body
        path = write_raw(tmp_path / "bid.zip", [(b"baojia.txt", TEN)], extra=extra)
        assert [entry.name for entry in entries_of(reader, path)] == [expected]


def test_files_that_cannot_be_taken_are_named_with_their_code(reader: ProcessArchives, tmp_path: Path) -> None:
    files = {
        "good.txt": TEN,
        "prices.xlsx": zip_bytes(tmp_path / "x", {"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}),
        "plan.dwg": b"AC1032\x00\x01",
        "fake.pdf": TEN,
        "empty.txt": b"",
        "price:2026.txt": TEN,
        "report.ofd": zip_bytes(tmp_path / "y", {"OFD.xml": b"<x/>"}),
        "__MACOSX/._good.txt": b"\x00\x05",
        "sub/Thumbs.db": b"\x00",
    }
    found = {e.name: e.code or e.outcome for e in entries_of(reader, write_zip(tmp_path / "bid.zip", files))}
    assert found == {
        "good.txt": "registered",
        "prices.xlsx": "INPUT_UNSUPPORTED_FORMAT",
        "plan.dwg": "INPUT_UNSUPPORTED_FORMAT",
        "fake.pdf": "INPUT_TYPE_MISMATCH",
        "empty.txt": "INPUT_EMPTY_FILE",
        "price:2026.txt": "INPUT_FILENAME_UNSAFE",
        "report.ofd": "INPUT_UNSUPPORTED_FORMAT",
        "__MACOSX/._good.txt": "ignored",
        "sub/Thumbs.db": "ignored",
    }


def test_an_encrypted_file_is_refused_alone_or_as_a_whole(reader: ProcessArchives, tmp_path: Path) -> None:
    locked = write_raw(tmp_path / "locked.zip", [(b"secret.txt", TEN)], flags=1)
    assert refusal(reader, locked).code == _inspected(locked).code == "DOC_PARSE_ENCRYPTED"
    mixed = write_zip(tmp_path / "mixed.zip", {"good.txt": TEN, "locked.zip": locked.read_bytes()})
    assert [(e.name, e.code) for e in entries_of(reader, mixed)] == [
        ("good.txt", None),
        ("locked.zip/secret.txt", "DOC_PARSE_ENCRYPTED"),
    ]


def test_an_archive_without_files_is_empty_and_one_of_refused_files_has_their_code(
    reader: ProcessArchives, tmp_path: Path
) -> None:
    assert refusal(reader, write_zip(tmp_path / "none.zip", {})).code == "INPUT_EMPTY_FILE"
    assert refusal(reader, write_zip(tmp_path / "folder.zip", {"a/": b""})).code == "INPUT_EMPTY_FILE"
    assert refusal(reader, write_zip(tmp_path / "mac.zip", {"__MACOSX/._a": b"x"})).code == "INPUT_EMPTY_FILE"
    error = refusal(reader, write_zip(tmp_path / "cad.zip", {"a.dwg": b"AC1032\x00", "b.pdf": TEN}))
    assert error.code == "INPUT_UNSUPPORTED_FORMAT"
    assert [entry["code"] for entry in error.details["entries"]] == ["INPUT_UNSUPPORTED_FORMAT", "INPUT_TYPE_MISMATCH"]


def test_an_unknown_method_is_refused_alone(reader: ProcessArchives, tmp_path: Path) -> None:
    deflate64 = write_raw(tmp_path / "x.zip", [(b"a.txt", TEN)], method=9).read_bytes()
    path = write_zip(tmp_path / "bid.zip", {"good.txt": TEN, "odd.zip": deflate64})
    assert [e.code for e in entries_of(reader, path)] == [None, "INPUT_UNSUPPORTED_FORMAT"]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[60] ^= 0xFF
    path.write_bytes(body)


@pytest.mark.parametrize("harm", [_cut, _flip])
def test_a_broken_archive_is_corrupt_as_a_whole(
    reader: ProcessArchives, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    whole = write_zip(tmp_path / "bid.zip", {"a.txt": TEN * 40, "b.txt": TEN})
    harm(whole)
    assert refusal(reader, whole).code == "DOC_PARSE_OFFICE_CORRUPT"
    outer = write_zip(tmp_path / "outer.zip", {"good.txt": TEN, "bid.zip": whole.read_bytes()})
    assert refusal(reader, outer).code == "DOC_PARSE_OFFICE_CORRUPT"


def test_bombs_are_refused_with_limit_and_measure(reader: ProcessArchives, tmp_path: Path) -> None:
    ratio = write_zip(tmp_path / "ratio.zip", {"a.txt": b" " * (11 * MIB)}, level=9)
    total = write_raw(tmp_path / "total.zip", [(b"%d.txt" % n, TEN) for n in range(700)], claims=9 * MIB)
    many = write_zip(tmp_path / "many.zip", {f"{n}.txt": b"x" for n in range(1001)})
    for path, what, limit in (
        (ratio, "compression ratio", 100),
        (total, "expanded bytes", 5 << 30),
        (many, "entries", 1000),
    ):
        for error in (refusal(reader, path), _inspected(path)):
            assert (error.code, error.details["what"]) == ("DOC_EXPANSION_LIMIT_EXCEEDED", what)
            assert error.details["measured"] > error.details["limit"] == limit


def test_limits_count_over_all_levels(reader: ProcessArchives, tmp_path: Path) -> None:
    inner = zip_bytes(tmp_path / "x", {f"{n}.txt": b"x" for n in range(400)})
    path = write_zip(tmp_path / "bid.zip", {f"{n}.zip": inner for n in range(3)})
    assert refusal(reader, path).details == {"what": "entries", "limit": 1000, "measured": 1203}


def test_expanded_bytes_count_over_all_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = zip_bytes(tmp_path / "x", {"a.txt": b"x" * 3000})
    path = write_zip(tmp_path / "bid.zip", {"1.zip": inner, "2.zip": inner})
    measured = 2 * len(inner) + 6000
    for limit, refused in ((measured, False), (measured - 1, True)):
        monkeypatch.setattr(archives, "MOST_EXPANDED", limit)
        if not refused:
            assert len(ZipArchives().survey(path, tmp_path)) == 2
            continue
        with pytest.raises(CodedError) as caught:
            ZipArchives().survey(path, tmp_path)
        assert caught.value.details == {"what": "expanded bytes", "limit": limit, "measured": measured}


def test_a_size_that_lies_is_found_by_reading(reader: ProcessArchives, tmp_path: Path) -> None:
    path = write_raw(tmp_path / "lie.zip", [(b"a.txt", b" " * (20 * MIB))], method=8, claims=100)
    assert refusal(reader, path).code == "DOC_PARSE_OFFICE_CORRUPT"


def test_a_directory_without_end_is_not_even_read(reader: ProcessArchives, tmp_path: Path) -> None:
    path = tmp_path / "long.zip"
    record = b"PK\x01\x02" + struct.pack("<HHHHHHLLLHHHHHLL", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = record * (18 * MIB // len(record))
    path.write_bytes(directory + b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 9, 9, len(directory), 0, 0))
    error = refusal(reader, path)
    assert (error.code, error.details["what"]) == ("DOC_EXPANSION_LIMIT_EXCEEDED", "entries")
    assert _inspected(path).code == "DOC_EXPANSION_LIMIT_EXCEEDED"


def test_a_file_of_zip64_is_read(reader: ProcessArchives, tmp_path: Path) -> None:
    path = tmp_path / "big.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.txt", "w", force_zip64=True) as entry:
        entry.write(TEN)
    assert [e.outcome for e in entries_of(reader, path)] == ["registered"]


def test_a_full_disk_says_nothing_about_the_archive(tmp_path: Path) -> None:
    with pytest.raises(CodedError) as caught:
        ZipArchives().survey(write_zip(tmp_path / "bid.zip", {"a.txt": TEN}), tmp_path / "gone")
    assert (caught.value.code, type(caught.value).__name__) == ("DEPENDENCY_UNAVAILABLE", "Retryable")


def test_the_limits_are_those_of_the_specification() -> None:
    limits = (archives.MOST_ENTRIES, archives.MOST_EXPANDED, archives.MOST_RATIO, archives.RATIO_FROM)
    assert (*limits, archives.MOST_LEVELS) == (1000, 5 * 1024**3, 100, 10 * MIB, 2)
