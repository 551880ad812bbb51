"""A real OpenSearch 2.19.1 on loopback: pinned jars from Maven Central, run by the Java of the machine.

python -m infra.local.opensearch fetch        jars into .local/opensearch, every hash checked
python -m infra.local.opensearch run          serve on a free port of 9201-9299, loopback only, until interrupted
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jgo import MavenContext

LOCK = Path(__file__).with_name("opensearch-2.19.1.lock")
RUNNER = "org.codelibs.opensearch.runner.OpenSearchRunner"
# The lucene engine of this plugin needs no native library; faiss and nmslib would (findings/opensearch.md).
PLUGINS = "org.opensearch.knn.plugin.KNNPlugin"
START_SECONDS = 120.0
_HTTP_PORT = re.compile(r"HTTP Port:\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address and the process that leads its group."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End the whole process group: first politely, after ten seconds by force."""
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal_number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(timeout=10)


def java_version() -> int:
    """The major version of the machine's Java; 0 when there is none."""
    java = shutil.which("java")
    if java is None:
        return 0
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    quoted = told.split('"')
    if len(quoted) < 2:
        return 0
    major = quoted[1].split(".")[0].split("-")[0]
    return int(major) if major.isdigit() else 0


def fetch(root: Path, lock: Path = LOCK) -> Path:
    """Bring every locked jar into root/lib and return that folder; SystemExit when a hash differs."""
    pins = lock.read_text(encoding="utf-8").split("\n")
    library = root / f"lib-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if library.exists():
        return library
    root.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="lib.part.", dir=root))
    context = MavenContext(repo_cache=root / "m2")
    with ThreadPoolExecutor(8) as pool:
        for path in pool.map(lambda pin: _artifact(context, pin), [pin for pin in pins if pin]):
            _place(path, part)
    part.rename(library)
    shutil.rmtree(root / "m2", ignore_errors=True)
    return library


def _artifact(context: MavenContext, pin: str) -> Path:
    coordinate, digest = pin.split()
    group, name, kind, *classifier, version = coordinate.split(":")
    artifact = (
        context.project(group, name)
        .at_version(version)
        .artifact(classifier=classifier[0] if classifier else "", packaging=kind)
    )
    path = Path(artifact.resolve())
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digest:
        raise SystemExit(f"{coordinate}: sha256 {found}, locked {digest}")
    return path


def _place(path: Path, library: Path) -> None:
    """Copy a jar; of a plugin zip, its jars that are not there yet."""
    if path.suffix != ".zip":
        shutil.copy(path, library / path.name)
        return
    with zipfile.ZipFile(path) as plugin:
        for name in plugin.namelist():
            if name.endswith(".jar") and not (library / Path(name).name).exists():
                (library / Path(name).name).write_bytes(plugin.read(name))


def answers(url: str, headers: Mapping[str, str] | None = None) -> bool:
    """Whether the server is there and its shards are."""
    asked = urllib.request.Request(
        f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s", headers=dict(headers or {})
    )
    try:
        with urllib.request.urlopen(asked, timeout=10):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def start(
    root: Path,
    data: Path,
    *,
    heap_mb: int = 512,
    before: Path | None = None,
    plugins: str = PLUGINS,
    options: Sequence[str] = (),
    healthy: Callable[[str], bool] = answers,
) -> Server:
    """Start a server over the data folder and wait until it is healthy; RuntimeError with its log when it is not.

    Jars of the folder `before` win over those of the server; `options` are Java's."""
    library = fetch(root)
    data.mkdir(parents=True, exist_ok=True)
    jars = ":".join(f"{folder}/*" for folder in (before, library) if folder)
    command = ["java", *options, f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", "-cp", jars, RUNNER]
    # A name of its own per data folder: two servers on one machine would else form one cluster.
    cluster = f"bidproof-{hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]}"
    command += ["-basePath", str(data), "-numOfNode", "1", "-clusterName", cluster, "-pluginTypes", plugins]
    with (data / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    url = _await_url(process, data / "server.log", healthy)
    if url is None:
        Server("", process).stop()
        raise RuntimeError((data / "server.log").read_text(encoding="utf-8", errors="replace")[-4000:])
    return Server(url, process)


def _await_url(process: subprocess.Popen[bytes], log: Path, healthy: Callable[[str], bool]) -> str | None:
    """The runner takes the first free port of 9201-9299 and prints it; None when it ends or stays silent."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        told = _HTTP_PORT.search(log.read_text(encoding="utf-8", errors="replace"))
        if told and healthy(url := f"http://127.0.0.1:{told[1]}"):
            return url
        time.sleep(0.25)
    return None


@contextlib.contextmanager
def running(root: Path, data: Path) -> Iterator[str]:
    """The address of a server that lives as long as the context."""
    server = start(root, data)
    try:
        yield server.url
    finally:
        server.stop()


def main(arguments: list[str]) -> int:
    """Fetch or run, below .local/opensearch of the working directory."""
    root = Path(".local/opensearch").resolve()
    if arguments == ["fetch"]:
        library = fetch(root)
        print(f"{len(list(library.iterdir()))} jars in {library}")
        return 0
    if arguments != ["run"]:
        print(__doc__)
        return 2
    if java_version() < 17:
        print("OpenSearch 2.19 needs Java 17 or newer on the PATH")
        return 1
    with running(root, root / "data") as url, contextlib.suppress(KeyboardInterrupt):
        print(url, flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
