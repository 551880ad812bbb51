"""Archives as files, good and bad, written entry by entry."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

LINK = 0o120777
PIPE = 0o010644
_CENTRAL, _LOCAL, _END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


def write_zip(path: Path, files: Mapping[str, bytes], *, level: int = 6) -> Path:
    """An ordinary archive: names in UTF-8, deflated."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def zip_bytes(path: Path, files: Mapping[str, bytes]) -> bytes:
    """The bytes of such an archive; `path` is only a place to write it."""
    body = write_zip(path, files).read_bytes()
    path.unlink()
    return body


def write_raw(
    path: Path,
    entries: list[tuple[bytes, bytes]],
    *,
    flags: int = 0,
    mode: int = 0o100644,
    method: int = 0,
    extra: bytes = b"",
    claims: int | None = None,
) -> Path:
    """An archive byte by byte, with what zipfile would not write: raw names, any flag, mode, method or size. `claims`
    is the expanded size that the directory states."""
    body, directory = b"", b""
    for name, content in entries:
        size = len(content) if claims is None else claims
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = packed.compress(content) + packed.flush() if method == 8 else content
        fields = (20, flags, method, 0, 0x21, zlib.crc32(content), len(data), size, len(name))
        directory += _CENTRAL + struct.pack(
            "<HHHHHHLLLHHHHHLL", 0x031E, *fields, len(extra), 0, 0, 0, mode << 16, len(body)
        )
        directory += name + extra
        body += _LOCAL + struct.pack("<HHHHHLLLHH", *fields, 0) + name + data
    count = len(entries)
    end = _END + struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), len(body), 0)
    path.write_bytes(body + directory + end)
    return path
