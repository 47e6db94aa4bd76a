"""A moment is read as it was meant, or refused by the form that is wanted."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fullcircle.core.as_of import read_moment

unhurried = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30))
FORMS = [
    "{0:%Y-%m-%d}",
    "{0:%Y%m%d}",
    "{0:%Y/%m/%d}",
    "{0:%Y.%m.%d}",
    "{0.year:04}-{0.month}-{0.day}",
    " {0:%Y-%m-%d} ",
]
CLOCKS = ["T%H:%M", " %H:%M:%S", "T%H:%M:%S.%f", "T%H%M%S", "t%H:%M:%Sz", "T%H:%M:%S Z"]


@unhurried
@given(moment=MOMENTS, form=st.sampled_from(FORMS))
def test_each_form_of_a_day_is_that_day(moment: datetime, form: str) -> None:
    """Whichever way a day is written that may be read, it is the first instant of that day."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    assert read_moment(form.format(moment)) == day
    assert read_moment(int(f"{moment:%Y%m%d}")) == day
    assert read_moment(moment.date()) == day


@unhurried
@given(moment=MOMENTS, clock=st.sampled_from(CLOCKS))
def test_a_time_of_day_is_kept(moment: datetime, clock: str) -> None:
    """A time of day counts to the last digit that was written."""
    written = moment.strftime(f"%Y-%m-%d{clock}")
    meant = datetime.strptime(written, f"%Y-%m-%d{clock}")
    assert read_moment(written) == meant.replace(tzinfo=UTC)


@unhurried
@given(moment=MOMENTS, minutes=st.integers(-14 * 60, 14 * 60))
def test_a_zone_is_taken_into_account(moment: datetime, minutes: int) -> None:
    """A moment with a zone is the same moment in UTC."""
    zoned = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert read_moment(zoned.isoformat()) == zoned
    assert read_moment(zoned) == zoned
    assert read_moment(zoned).tzinfo is UTC


@unhurried
@given(text=st.one_of(st.text(max_size=25), st.from_regex(r"[0-9T:./ +-]{1,20}", fullmatch=True)))
def test_what_is_read_begins_with_its_year_month_and_day(text: str) -> None:
    """No text is read at another day than its own digits say, in this order."""
    try:
        moment = read_moment(f"{text.strip()}Z" if ":" in text else text)
    except ValueError:
        return
    digits = [
        int(part)
        for part in text.replace("T", " ").split()[0].replace("/", "-").replace(".", "-").split("-")
    ]
    number = moment.year * 10_000 + moment.month * 100 + moment.day
    assert digits in ([number], [moment.year, moment.month, moment.day])


@pytest.mark.parametrize(
    "value",
    [
        *("01.06.2024", "6/1/2024", "1 June 2024", "2024", "2024-06", "2024-02-30", "2024-13-01"),
        *("1717200000", 1717200000, 2024.5, "", None, True, "today", "2024-06-01T25:00"),
        *("2024-6.1", "9999-12-31", "0024-06-01", "2024-06-01 6 pm", "2024060112345"),
    ],
)
def test_what_could_be_another_moment_is_refused(value: object) -> None:
    """Days whose order is a matter of custom, spans, epochs and absurd years are no moment."""
    with pytest.raises(ValueError, match=r"write 2025-03-01|lies outside 1900 to 2200"):
        read_moment(value)


def test_a_date_is_no_moment_of_the_local_zone() -> None:
    """A bare date is midnight in UTC, whatever the machine's zone."""
    assert read_moment(date(2025, 3, 1)).isoformat() == "2025-03-01T00:00:00+00:00"
