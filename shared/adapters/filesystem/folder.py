"""A folder of write-once objects: the bytes lie under their hash, a sidecar that is linked last makes them real.

A crash before the link leaves bytes that nobody can see; two writers of one key cannot both link it.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from shared.domain.errors import Permanent
from shared.domain.object_keys import check_key
from shared.ports.objects import StoredObject


class ObjectFolder:
    """The files below `root`: data/<key>/<sha256>, meta/<key>.json, parts/<upload>/, incoming/."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def part_folder(self, multipart_id: str) -> Path:
        """Where the parts of a multipart upload lie; raises ValueError for an id that is a path."""
        return self._root / "parts" / check_key(multipart_id).replace("/", "_")

    @contextmanager
    def incoming(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A private file to write to; it is gone afterwards unless it was kept."""
        folder = self._root / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def keep(
        self, written: Path, stored: StoredObject, *, media_type: str, locked_until: datetime | None = None
    ) -> StoredObject:
        """Make a finished file the object of its key; raises FileExistsError when the key is taken."""
        data = self._data(stored.key, stored.version)
        meta = self._meta(stored.key)
        if meta.exists():
            raise FileExistsError(stored.key)
        data.parent.mkdir(parents=True, exist_ok=True)
        meta.parent.mkdir(parents=True, exist_ok=True)
        written.replace(data)
        sidecar = {
            "schema_version": 1,
            "size_bytes": stored.size_bytes,
            "sha256": stored.sha256,
            "version": stored.version,
            "media_type": media_type,
            "locked_until": locked_until.isoformat() if locked_until else None,
        }
        with self.incoming() as (file, path):
            file.write(json.dumps(sidecar).encode())
            file.flush()
            os.fsync(file.fileno())
            os.link(path, meta)
        return stored

    def sidecar(self, key: str) -> dict[str, Any]:
        """What is known of the object; raises Permanent DOC_STORAGE_MISSING."""
        try:
            text = self._meta(key).read_text()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Permanent("DOC_STORAGE_MISSING") from error
        found: dict[str, Any] = json.loads(text)
        return found

    def head(self, key: str) -> StoredObject:
        """Size, hash and version as kept beside the bytes; raises Permanent DOC_STORAGE_MISSING."""
        found = self.sidecar(key)
        return StoredObject(key, found["size_bytes"], found["sha256"], found["version"])

    def path(self, key: str) -> Path:
        """The file with the object's bytes; raises Permanent DOC_STORAGE_MISSING."""
        path = self._data(key, self.head(key).version)
        if not path.is_file():
            raise Permanent("DOC_STORAGE_MISSING")
        return path

    def remove(self, key: str) -> None:
        """Delete sidecar and bytes; nothing there is no error."""
        self._meta(key).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.rmtree(self._root / "data" / check_key(key))

    def keys(self, prefix: str) -> Iterator[tuple[str, Path]]:
        """Every key below the prefix (ending with a slash) with its sidecar."""
        root = self._root / "meta"
        for path in (root / check_key(prefix.rstrip("/"))).rglob("*.json"):
            yield path.relative_to(root).as_posix().removesuffix(".json"), path

    def unfinished(self) -> Iterator[tuple[str, str, Path]]:
        """Key, multipart id and target file of every upload with parts."""
        for target in (self._root / "parts").glob("*/target"):
            with suppress(FileNotFoundError):  # finished since the folder was read
                yield target.read_text().partition("\n")[0], target.parent.name, target

    def move(self, key: str, to: str) -> None:
        """Give the object another key; at every moment one of the two is whole. Bytes that lay there stay."""
        version = self.head(key).version
        old, new = self._data(key, version), self._data(to, version)
        for folder in (new.parent, self._meta(to).parent):
            folder.mkdir(parents=True, exist_ok=True)
        if not new.exists():
            os.link(old, new)
        self._meta(key).replace(self._meta(to))
        shutil.rmtree(old.parent)

    def _data(self, key: str, version: str) -> Path:
        return self._root / "data" / check_key(key) / check_key(version)

    def _meta(self, key: str) -> Path:
        return self._root / "meta" / f"{check_key(key)}.json"
