"""The code of functions as CDK sees it: built from lock files, or empty where only the template counts."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

from infra.aws.bundle import LAMBDA, OURS, ROOT, Bundle, build

# What the parser image needs of the checkout; all else is left out of its fingerprint and of what Docker is sent.
_IMAGE_LEAVES_OUT = ["*", "!functions", "!shared", "!layers/parsing", "!layers/runtime", "**/__pycache__"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """`bundle` None makes assets of an empty folder: for assertions on templates, never for a deployment."""

    bundle: Bundle | None

    @staticmethod
    def built(platform: str = LAMBDA) -> "Assets":
        """Assets that can be deployed; installs the locked packages for the platform."""
        return Assets(bundle=build(platform))

    @staticmethod
    def empty() -> "Assets":
        """Assets without content."""
        return Assets(bundle=None)

    @property
    def release(self) -> str:
        """8 characters that change with our code, the locked packages, the state machines and this platform."""
        texts = [path for top in (*OURS, "layers", "infra/aws") for path in sorted((ROOT / top).rglob("*"))]
        found = hashlib.sha256()
        for path in texts:
            if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts):
                found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
        return found.hexdigest()[:8]

    def code(self, package: str) -> Any:
        """Our own code for functions of the package."""
        return lambda_.Code.from_asset(str(self.bundle.code_of(package) if self.bundle else self._nothing()))

    def layer(self, name: str) -> Any:
        """The third-party code of a layer."""
        return lambda_.Code.from_asset(str(self.bundle.layers[name] if self.bundle else self._nothing()))

    def image(self, handler: str) -> Any:
        """The parser image with another entry; Docker is needed when it is deployed, not when it is synthesised."""
        if self.bundle is None:
            return lambda_.DockerImageCode.from_image_asset(str(self._nothing()), cmd=[handler])
        return lambda_.DockerImageCode.from_image_asset(
            str(ROOT),
            file="layers/parsing/Dockerfile",
            cmd=[handler],
            exclude=_IMAGE_LEAVES_OUT,
            ignore_mode=IgnoreMode.DOCKER,
        )

    @staticmethod
    def _nothing() -> Path:
        """A folder of a few bytes that is also a Docker context."""
        return Path(__file__).with_name("empty_asset")
