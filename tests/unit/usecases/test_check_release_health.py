"""CheckReleaseHealth: two breaches in a row roll back; clean time moves on."""

from shared.usecases.check_release_health import CheckReleaseHealth, check_release_health
from tests.releases import Platform


def look(platform: Platform, release_id: str, entered: str) -> tuple[str, int]:
    command = CheckReleaseHealth(release_id=release_id, entered=entered)
    seen = check_release_health(command, records=platform.records, deployments=platform.deployments)
    return seen.verdict, seen.breaches


def test_a_retry_of_the_same_look_counts_no_second_breach(platform: Platform) -> None:
    release = platform.draft(status="canary", weight=10, wanted=10)
    platform.hands.alarm("alarm")
    assert [look(platform, release.release_id, entered) for entered in ("1", "1", "2")] == [
        ("wait", 1),
        ("wait", 1),
        ("roll_back", 2),
    ]
    stands = platform.records.releases.get(release.release_id)
    assert stands.alarm_at is not None and stands.clean_since is None


def test_a_quiet_look_between_two_breaches_begins_anew(platform: Platform) -> None:
    release = platform.draft(status="canary", weight=10, wanted=10)
    found = []
    for number, state in enumerate(("alarm", "ok", "alarm")):
        platform.hands.alarm(state)
        found.append(look(platform, release.release_id, str(number)))
    assert found == [("wait", 1), ("wait", 0), ("wait", 1)]


def test_clean_time_counts_from_the_first_quiet_look_and_asks_for_the_next_weight(platform: Platform) -> None:
    release = platform.draft(status="canary", weight=10, wanted=10)
    assert look(platform, release.release_id, "1") == ("wait", 0)
    platform.as_owner("update releases set clean_since = clean_since - interval '29 minutes'")
    assert look(platform, release.release_id, "2") == ("wait", 0)
    platform.as_owner("update releases set clean_since = clean_since - interval '2 minutes'")
    assert look(platform, release.release_id, "3") == ("shift", 0)
    assert platform.records.releases.get(release.release_id).wanted == 30


def test_an_alarm_without_data_is_neither_a_breach_nor_clean(platform: Platform) -> None:
    release = platform.draft(status="baking", weight=100, wanted=100)
    platform.as_owner("update releases set clean_since = clock_timestamp() - interval '2 hours'")
    platform.hands.alarm("unknown")
    assert look(platform, release.release_id, "1") == ("wait", 0)
    assert platform.records.releases.get(release.release_id).clean_since is None
