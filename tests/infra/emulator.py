"""MiniStack (MIT, a young third-party project, pinned) on a free loopback port, and the templates of a stage in it.

It runs CloudFormation, Lambda's code in child processes, SQS, S3, Step Functions and EventBridge, and is no proof of
AWS itself. What it lacks is left out of the templates (emulated_templates.py).
"""

import fcntl
import hashlib
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws.bundle import PYTHON, interpreter
from infra.local.ports import free_port
from tests.moto_server import KEYS, REGION, new_client

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements-emulator.lock"
ACCOUNT = "000000000000"
START_SECONDS = 60
STACK_SECONDS = 240
# Kills the server when the process that started it is gone, also by kill -9 (prctl(2), PR_SET_PDEATHSIG).
_BOOT = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM);"
    "os.getppid() == int(sys.argv.pop(1)) or sys.exit(1);"
    "from ministack.app import main; main()"
)


@dataclass(frozen=True)
class Emulator:
    """A running server."""

    url: str
    log: Path

    def client(self, service: str) -> Any:
        """A client of a service of it; calls may take as long as a function does."""
        return new_client(service, self.url, timeout=120)


def installed() -> Path:
    """The interpreter of an environment with the locked packages, made once under .local/emulator.

    Its functions run in this Python: Lambda's own where the machine has it."""
    base = interpreter(PYTHON) or Path(sys.executable)
    mark = hashlib.sha256(LOCK.read_bytes() + str(base).encode()).hexdigest()[:12]
    home = ROOT / ".local" / "emulator" / mark
    home.mkdir(parents=True, exist_ok=True)
    python, uv = home / "venv" / "bin" / "python", str(Path(sys.executable).with_name("uv"))
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "installed").is_file():
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", str(base), str(home / "venv")], check=True)
            packages = ["--require-hashes", "-r", str(LOCK)]
            subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *packages], check=True)
            (home / "installed").touch()
    return python


@contextmanager
def running(folder: Path) -> Iterator[Emulator]:
    """Start it with nothing in it; its files are below the folder."""
    port = free_port()
    temporary, log = folder / "tmp", folder / "ministack.log"
    temporary.mkdir()
    environment = KEYS | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "TMPDIR": str(temporary),
        "S3_DATA_DIR": str(temporary / "s3"),
        "HOME": str(temporary),
        "PATH": os.environ["PATH"],
        "POWERTOOLS_TRACE_DISABLED": "true",  # there is no X-Ray daemon
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(installed()), "-c", _BOOT, str(os.getpid())],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(f"{url}/_ministack/health", process, log)
        yield Emulator(url, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the emulator did not start: {log.read_text()[-2000:]}")


def publish(emulator: Emulator, assembly: Path, stack: str) -> None:
    """What `cdk deploy` does before a stack: its zip assets into the bucket of the bootstrap."""
    bucket, s3 = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}", emulator.client("s3")
    if bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        emulator.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="31", Type="String")
    for asset in json.loads((assembly / f"{stack}.assets.json").read_text())["files"].values():
        source = assembly / asset["source"]["path"]
        if source.is_dir():
            for place in asset["destinations"].values():
                s3.put_object(Bucket=bucket, Key=place["objectKey"], Body=_zipped(source))


def _zipped(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:  # read again at once on this machine
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def create(emulator: Emulator, name: str, template: Mapping[str, Any]) -> dict[str, str]:
    """Create a stack and return the type of each resource by its logical id; AssertionError names the resource that
    failed."""
    bucket, s3 = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}", emulator.client("s3")
    s3.put_object(Bucket=bucket, Key=f"{name}.json", Body=json.dumps(template).encode())
    cloud = emulator.client("cloudformation")
    cloud.create_stack(
        StackName=name,
        TemplateURL=f"{emulator.url}/{bucket}/{name}.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    end = time.monotonic() + STACK_SECONDS
    while True:
        status = cloud.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        assert time.monotonic() < end, f"{name} is still {status}: {emulator.log.read_text()[-3000:]}"
        time.sleep(0.2)
    events = cloud.describe_stack_events(StackName=name)["StackEvents"]
    failed = [
        (one["LogicalResourceId"], one.get("ResourceStatusReason"))
        for one in events
        if "FAILED" in one["ResourceStatus"]
    ]
    assert (status, failed) == ("CREATE_COMPLETE", []), emulator.log.read_text()[-3000:]
    pages = cloud.get_paginator("list_stack_resources").paginate(StackName=name)
    return {one["LogicalResourceId"]: one["ResourceType"] for page in pages for one in page["StackResourceSummaries"]}
