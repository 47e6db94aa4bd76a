"""Tables written in any way come back as they were, or with a question."""

import random
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ingestion.random_tables import draw_table
from tests.ingestion.reading_back import read_back


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 1_000_000))
def test_a_table_written_in_any_way_comes_back(tmp_path: Path, seed: int) -> None:
    """Locale, quoting, encoding, dates, preamble and footer change no value in silence."""
    written = draw_table(random.Random(seed))  # noqa: S311 - no secret
    outcome = read_back(written, tmp_path / "table.csv")
    assert outcome.end != "wrong", outcome.said
