"""Object keys hold ids only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.object_keys import check_key, next_upload_key, report_key, upload_key


def test_keys_are_made_of_ids() -> None:
    assert upload_key("ten_1", "upl_2", "fil_3") == "tenants/ten_1/uploads/upl_2/fil_3/1"
    assert report_key("ten_1", "evl_2", 3, "pdf") == "tenants/ten_1/reports/evl_2/v3.pdf"


def test_a_file_that_is_sent_again_gets_another_key() -> None:
    key = upload_key("ten_1", "upl_2", "fil_3")
    assert next_upload_key(key) == upload_key("ten_1", "upl_2", "fil_3", attempt=2)
    assert next_upload_key(next_upload_key(key)).endswith("/3")


@pytest.mark.parametrize("part", ["", "..", "a/b", "a b", "投标", "a\n", "-a", "x" * 81])
def test_a_part_that_is_no_id_is_refused(part: str) -> None:
    with pytest.raises(ValueError):
        upload_key("ten_1", "upl_2", part)
    with pytest.raises(ValueError):
        report_key(part, "evl_2", 1, "json")


@pytest.mark.parametrize(("version", "extension"), [(0, "json"), (1, "exe"), (1, "")])
def test_a_report_key_has_a_version_and_a_known_extension(version: int, extension: str) -> None:
    with pytest.raises(ValueError):
        report_key("ten_1", "evl_2", version, extension)


@settings(max_examples=200)
@given(st.text(max_size=30))
def test_a_checked_key_never_leaves_its_folder(text: str) -> None:
    try:
        key = check_key(text)
    except ValueError:
        return
    segments = key.split("/")
    assert all(s and not s.startswith(".") for s in segments)
    assert key.isascii() and "\\" not in key and "%" not in key and "\n" not in key
