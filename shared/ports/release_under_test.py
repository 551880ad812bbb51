"""A release that is tried before it gets traffic: its API, however it is reached, and the bid it is tried on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

SmokeRole = Literal["agent", "evaluator", "admin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Status and JSON body of an answer; `data` of the envelope is what a call is made for."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeFile:
    """A file of the bid: name, media type and bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeBid:
    """A rule pack of one criterion that a rule decides and one that a person must, with a tender and a bid."""

    rules: Mapping[str, Any]
    tender: SmokeFile
    bid: SmokeFile


class ReleaseUnderTest(Protocol):
    """One version of the API, called by the smoke tenant: who writes rules may not activate them."""

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, role: SmokeRole = "agent"
    ) -> Reply:
        """One call with a fresh token of the role; raises Retryable DEPENDENCY_UNAVAILABLE or DEPENDENCY_TIMEOUT when
        there is no answer at all, and Permanent INTERNAL_ERROR when the answer is none of the API's."""
        ...

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> int:
        """PUT bytes to a signed link of an upload; return the status. Raises as `request` without an answer."""
        ...
