"""Rights in the search domain, given by a deployment: tried again while IAM and the domain settle, refused at once."""

from collections.abc import Sequence

import pytest

from shared.domain.errors import CodedError, Permanent, Retryable
from shared.usecases.admit_search_roles import AdmitSearchRoles, admit_search_roles

ROLES = ("arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b")
COMMAND = AdmitSearchRoles(roles=ROLES)


class Domain:
    """Fails in turn, then admits; time passes only while somebody waits."""

    def __init__(self, *failures: CodedError, seconds: float = 300.0) -> None:
        self.failures, self.seconds = list(failures), seconds
        self.asked: list[tuple[str, ...]] = []

    def admit(self, roles: Sequence[str]) -> None:
        """One try."""
        self.asked.append(tuple(roles))
        if self.failures:
            raise self.failures.pop(0)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds -= seconds


def admit(domain: Domain) -> int:
    """The use case over the domain."""
    done = admit_search_roles(COMMAND, search_access=domain, pause=domain.wait, time_left=lambda: domain.seconds)
    return done.admitted


def test_all_roles_are_admitted_in_one_try() -> None:
    domain = Domain()
    assert admit(domain) == 2
    assert domain.asked == [ROLES]


def test_a_role_that_iam_does_not_know_everywhere_yet_is_tried_again_after_a_pause() -> None:
    domain = Domain(*[Retryable("DEPENDENCY_UNAVAILABLE")] * 3)
    assert admit(domain) == 2
    assert (len(domain.asked), domain.seconds) == (4, 270.0)


def test_a_domain_that_refuses_is_not_asked_again() -> None:
    domain = Domain(Permanent("INTERNAL_ERROR", "OpenSearch does not allow this"))
    with pytest.raises(Permanent):
        admit(domain)
    assert len(domain.asked) == 1


def test_the_last_failure_is_told_while_there_is_time_for_an_answer() -> None:
    domain = Domain(*[Retryable("RAG_UPSTREAM_UNAVAILABLE")] * 99)
    with pytest.raises(Retryable) as failed:
        admit(domain)
    assert failed.value.code == "RAG_UPSTREAM_UNAVAILABLE"
    assert domain.seconds == 100.0
