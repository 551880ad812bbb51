"""Zip assets without Docker: our own code once, third-party layers from hashed lock files (design section 2)."""

import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
LAYERS = ROOT / "layers"
OURS = ("functions", "shared", "statemachines", "demo/smoke")
# Lambda's Python 3.11 is Amazon Linux 2 with glibc 2.26, on which psycopg, cryptography, numpy and pillow do not load;
# from 3.12 on it is Amazon Linux 2023 with glibc 2.34 (Lambda developer guide, "Lambda runtimes").
PYTHON = "3.13"
LAMBDA = "aarch64-manylinux_2_28"  # arm64
GLIBC = (2, 34)
# botocore brings 300 services; these are called (aws_calls.py). The rest is 25 MB of JSON.
SERVICES = frozenset(
    "s3 sqs events stepfunctions secretsmanager sts rds lambda cloudwatch codedeploy cognito-idp xray".split()
)
# Packages that their owners import only for a feature that Bidproof does not use, by layer; tests/infra makes every
# part of every function from its bundle, so a wrong row here fails.
_UNUSED = {
    # gRPC and a second way to call, of opensearch-py; a parser of C headers, for whoever builds with cffi
    "runtime": frozenset({"grpcio", "opensearch-protobufs", "protobuf", "requests", "charset-normalizer", "pycparser"}),
    "reasoning": frozenset({"zstandard"}),  # uploads to LangSmith
}
# ... and folders: what Powertools has beside logs, metrics and traces; cffi's compiler, whose runtime lies beside it; a
# second copy of the time zones; boto3's resources, as only clients are used
_UNUSED_FOLDERS = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/[!jt]*",
    "cffi",
    "dateutil/zoneinfo",
    "boto3/data/*",
    "boto3/examples",
)
_WASTE = ("tests", "__pycache__", "include", "f2py", "bin")  # folders that no function reads
# ... and files: stubs, sources of compiled code, plugins of tools, two models that no embedding profile of ours names
_WASTE_FILES = tuple(
    "*.pyi *.c *.h *.pyx *.pxd *.a RECORD examples-1.json mypy.py pytest_plugin.py _hypothesis_plugin.py _trio.py"
    " e5-small-enpt-q4.bin sae.bin".split()
)
# Bytecode that is not checked against the time of the source, because a zip changes it.
_COMPILE = (
    "import compileall, py_compile, sys; alone = sys.argv[2] == 'alone'; sys.exit(not compileall.compile_dir("
    "sys.argv[1], quiet=2, legacy=alone, optimize=2 * alone,"
    " invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))"
)
# Every function carries this layer, so sources, docstrings and assertions in it stay at home (O91): without them it is
# 3 MB smaller, and errors still name file and line.
_SOURCELESS = "runtime"
_FONTS = "ttf"  # 4 MB that only reports need


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Folders as functions see them: `code` or, with fonts, `code_of_reports` is /var/task, each of `layers` /opt."""

    code: Path
    code_of_reports: Path
    layers: dict[str, Path]

    def code_of(self, package: str) -> Path:
        """Our own code for functions of the package."""
        return self.code_of_reports if package == "reporting" else self.code

    def paths(self, package: str) -> list[Path]:
        """Where a function of the package finds modules, in the order of Lambda: its own code, then the layers."""
        return [self.code_of(package), *(self.layers[name] / "python" for name in dict.fromkeys(("runtime", package)))]


def this_machine() -> str:
    """The platform of this machine, as uv names it."""
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return f"{machine}-apple-darwin" if sys.platform == "darwin" else f"{machine}-manylinux_2_28"


def this_python() -> str:
    """The Python that runs here, as "3.11"."""
    return ".".join(str(part) for part in sys.version_info[:2])


def build(platform: str = LAMBDA, *, python: str = PYTHON) -> Bundle:
    """Build what is not built yet under build/<platform>-<python> and return the folders.

    Without an interpreter of that Python on this machine the bytecode is left out, and that is said.
    Raises subprocess.CalledProcessError when a package cannot be installed for the platform."""
    home = BUILD / f"{platform}-{python}"
    names = sorted(path.parent.name for path in LAYERS.glob("*/requirements.lock") if path.parent.name != "parsing")
    compiler = interpreter(python)
    if compiler is None:
        print(f"Bytecode is left out: there is no Python {python} on this machine (O91)", file=sys.stderr)
    with _alone(home):
        layers = {name: _layer(home, name, platform, python, compiler) for name in names}
        lean, full = _code(home, "code", compiler, _FONTS), _code(home, "code-of-reports", compiler)
        return Bundle(code=lean, code_of_reports=full, layers=layers)


def image_folder(platform: str, *, python: str) -> Path:
    """What the Dockerfile of the parser installs, as a folder: both lock files, nothing pruned.

    Raises subprocess.CalledProcessError as `build` does."""
    home = BUILD / f"{platform}-{python}"
    rows = [text for name in ("runtime", "parsing") for text in _locked(name)]
    with _alone(home):
        return _installed(home, "parsing", rows, platform, python, None)


def interpreter(python: str) -> Path | None:
    """An interpreter of that Python, or None."""
    if python == this_python():
        return Path(sys.executable)
    found = [shutil.which(f"python{python}"), *Path.home().glob(f".pyenv/versions/{python}.*/bin/python{python}")]
    for path in found:
        # shims of version managers stand on the path for versions that they then refuse to run
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return Path(path)
    return None


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process builds; others wait and find it built."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _code(home: Path, name: str, compiler: Path | None, *left_out: str) -> Path:
    target, found = home / name, hashlib.sha256(_recipe(compiler))
    for path in sorted(path for top in OURS for path in (ROOT / top).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    if _is_built(target, found.hexdigest()):
        return target
    shutil.rmtree(target, ignore_errors=True)
    for top in OURS:
        shutil.copytree(ROOT / top, target / top, ignore=shutil.ignore_patterns("__pycache__", *left_out))
    _finish(target, compiler, found.hexdigest())
    return target


def _layer(home: Path, name: str, platform: str, python: str, compiler: Path | None) -> Path:
    """/opt of one layer."""
    return _installed(home, name, _rows(name), platform, python, compiler)


def _installed(home: Path, name: str, rows: list[str], platform: str, python: str, compiler: Path | None) -> Path:
    """Packages under <home>/<name>/python; kept as long as the rows and this module stay the same."""
    mark = hashlib.sha256("".join(rows).encode() + _recipe(compiler)).hexdigest()
    target, wanted = home / name, home / f"{name}.txt"
    if _is_built(target, mark):
        return target
    shutil.rmtree(target, ignore_errors=True)
    wanted.write_text("\n".join(rows))
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    where = ["--python-platform", platform, "--python-version", python, "--only-binary", ":all:"]
    site = target / "python"
    subprocess.run([*uv, *where, "--target", str(site), "-r", str(wanted)], check=True, stdout=sys.stderr)
    if name != "parsing":
        _prune(site)
    _finish(target, compiler, mark)
    return target


def _recipe(compiler: Path | None) -> bytes:
    return Path(__file__).read_bytes() + str(compiler).encode()


def _is_built(target: Path, mark: str) -> bool:
    stamp = target.with_suffix(".built")
    return target.is_dir() and stamp.is_file() and stamp.read_text() == mark


def _finish(target: Path, compiler: Path | None, mark: str) -> None:
    if compiler is not None:
        how = "alone" if target.name == _SOURCELESS else "beside"
        subprocess.run([str(compiler), "-I", "-c", _COMPILE, str(target), how], check=True, stdout=sys.stderr)
        for source in target.rglob("*.py") if how == "alone" else ():
            source.unlink()
    target.with_suffix(".built").write_text(mark)


def _rows(name: str) -> list[str]:
    """The locked packages of a layer with their hashes, without those of `runtime`, which every function has."""
    left_out = set(_UNUSED.get(name, ()))
    if name != "runtime":
        left_out |= {package(row) for row in _rows("runtime")}
    return [row for row in _locked(name) if package(row) not in left_out]


def _locked(name: str) -> list[str]:
    text = (LAYERS / name / "requirements.lock").read_text(encoding="utf-8")
    rows = re.split(r"\n(?=[a-z0-9])", "\n" + re.sub(r"(?m)^ *#.*\n?", "", text))
    return [row.strip("\n") for row in rows if row.strip()]


def package(row: str) -> str:
    """The name in a row of a lock file."""
    return row.strip().partition("==")[0]


def _prune(site: Path) -> None:
    for pattern in _WASTE_FILES:
        for found in sorted(site.rglob(pattern)):
            found.unlink()
    wasted = [found for name in _WASTE for found in sorted(site.rglob(name))]
    for found in [*wasted, *(found for pattern in _UNUSED_FOLDERS for found in sorted(site.glob(pattern)))]:
        if found.is_dir():
            shutil.rmtree(found)
    data = site / "botocore" / "data"
    for service in [path for path in data.iterdir() if path.is_dir()] if data.is_dir() else []:
        for version in sorted(service.iterdir(), reverse=True)[service.name in SERVICES :]:
            shutil.rmtree(version)  # all but the newest of a service that is called
