"""The failure table of spec 06 section 15, a test per row."""

import pytest

pytest.register_assert_rewrite("tests.failures.promises")
