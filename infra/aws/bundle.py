"""Zip assets without Docker: our own code once, third-party layers from hashed lock files (design section 2)."""

import compileall
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
LAYERS = ROOT / "layers"
PYTHON = "3.11"  # what the tests run; bytecode is compiled by the Python of the build (O91)
OURS = ("functions", "shared", "statemachines")
LAMBDA = "aarch64-manylinux_2_28"  # arm64, Amazon Linux 2023
# botocore brings 300 services; these are called (aws_calls.py). The rest is 25 MB of JSON.
_SERVICES = frozenset({"s3", "sqs", "events", "stepfunctions", "secretsmanager", "sts", "rds", "lambda", "cloudwatch"})
# Packages that their owners import only for a feature that Bidproof does not use; tests/infra imports every handler
# from its bundle, so a wrong row here fails.
_UNUSED = frozenset({"grpcio", "opensearch-protobufs", "protobuf", "zstandard"})
_WASTE = ("tests", "__pycache__", "include", "f2py", "bin")  # folders that no function reads
# ... and files: stubs, sources of compiled code, and the two models that no embedding profile of ours names
_WASTE_FILES = ("*.pyi", "*.c", "*.h", "*.pyx", "*.pxd", "*.a", "e5-small-enpt-q4.bin", "sae.bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Folders as the functions see them: `code` becomes /var/task, each of `layers` /opt/python."""

    code: Path
    layers: dict[str, Path]


def build(platform: str = LAMBDA) -> Bundle:
    """Build what is not built yet under build/<platform> and return the folders.

    Raises subprocess.CalledProcessError when a package cannot be installed for the platform."""
    if sys.version_info[:2] != tuple(int(part) for part in PYTHON.split(".")):
        print(f"Bytecode is left out: it needs Python {PYTHON}, this is {sys.version.split()[0]}", file=sys.stderr)
    home = BUILD / platform
    names = sorted(path.parent.name for path in LAYERS.glob("*/requirements.lock") if path.parent.name != "parsing")
    return Bundle(code=_code(home), layers={name: _layer(home, name, platform) for name in names})


def _code(home: Path) -> Path:
    target = home / "code"
    shutil.rmtree(target, ignore_errors=True)
    for top in OURS:
        shutil.copytree(ROOT / top, target / top, ignore=shutil.ignore_patterns("__pycache__"))
    _compile(target)
    return target


def _layer(home: Path, name: str, platform: str) -> Path:
    """/opt of one layer; kept as long as its lock file and this module stay the same."""
    rows = _rows(name)
    mark = hashlib.sha256("".join([*rows, Path(__file__).read_text(), sys.version]).encode()).hexdigest()
    target, stamp = home / name, home / f"{name}.built"
    if stamp.is_file() and stamp.read_text() == mark and target.is_dir():
        return target
    shutil.rmtree(target, ignore_errors=True)
    site, wanted = target / "python", home / f"{name}.txt"
    home.mkdir(parents=True, exist_ok=True)
    wanted.write_text("\n".join(rows))
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    where = ["--python-platform", platform, "--python-version", PYTHON, "--only-binary", ":all:"]
    subprocess.run([*uv, *where, "--target", str(site), "-r", str(wanted)], check=True, stdout=sys.stderr)
    _prune(site)
    _compile(site)
    stamp.write_text(mark)
    return target


def _rows(name: str) -> list[str]:
    """The locked packages of a layer with their hashes, without those of `runtime`, which every function has."""
    left_out = set(_UNUSED) if name == "runtime" else _UNUSED | {_package(row) for row in _rows("runtime")}
    text = (LAYERS / name / "requirements.lock").read_text(encoding="utf-8")
    rows = re.split(r"\n(?=[a-z0-9])", "\n" + re.sub(r"(?m)^ *#.*\n?", "", text))
    return [row for row in rows if row.strip() and _package(row) not in left_out]


def _package(row: str) -> str:
    return row.strip().partition("==")[0]


def _prune(site: Path) -> None:
    for pattern in _WASTE_FILES:
        for found in sorted(site.rglob(pattern)):
            found.unlink()
    for name in _WASTE:
        for found in sorted(site.rglob(name)):
            if found.is_dir():
                shutil.rmtree(found)
    data = site / "botocore" / "data"
    for service in data.iterdir() if data.is_dir() else ():
        if service.is_dir() and service.name not in _SERVICES:
            shutil.rmtree(service)


def _compile(folder: Path) -> None:
    """Bytecode that is not checked against the time of the source, because a zip changes it."""
    if sys.version_info[:2] == tuple(int(part) for part in PYTHON.split(".")):
        compileall.compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH, workers=0)
