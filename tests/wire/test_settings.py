"""A record of settings is described once: bounds, files and options come from the description."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.load.options import Options
from echosounder.mock_server.config import Config
from echosounder.wire.errors import UsageError
from echosounder.wire.settings import bounded, dump, load, setting, settings


@dataclass(frozen=True)
class Trip:
    """Every form that a setting has."""

    name: str
    people: int = setting(2, "How many go.", "--crew", low=1, high=9)
    speed_kn: float = setting(5.0, "How fast.", flag="--knots", low=0.5, unit="kn")
    night: bool = setting(False, "Sail at night.")
    chart: Path | None = setting(None, "Chart to use.")
    ports: tuple[str, ...] = setting((), "Where to call.")
    fix: tuple[str, str] | None = setting(None, "Where to begin.", metavar="LAT,LON")
    rig: str = setting("sloop", "Kind of boat.", choices=("sloop", "ketch"))
    pin: str | None = setting(None, secret=True)


BY_NAME = {each.name: each for each in settings(Trip)}


@pytest.mark.parametrize(
    ("name", "option", "plain", "optional", "repeated"),
    [
        ("name", "--name", str, False, False),
        ("people", "--people", int, False, False),
        ("speed_kn", "--knots", float, False, False),
        ("night", "--night", bool, False, False),
        ("chart", "--chart", Path, True, False),
        ("ports", "--ports", str, False, True),
        ("fix", "--fix", str, True, False),
    ],
)
def test_what_a_command_line_has_to_know(name, option, plain, optional, repeated):
    each = BY_NAME[name]
    assert (each.option, each.plain, each.optional, each.repeated) == (option, plain, optional, repeated)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"people": 0}, "--people must be between 1 and 9, not 0"),
        ({"people": 10}, "--people must be between 1 and 9, not 10"),
        ({"speed_kn": 0.4}, "--knots must be at least 0.5 kn, not 0.4 kn"),
        ({"speed_kn": float("nan")}, "--knots must be at least 0.5 kn, not nan kn"),
    ],
)
def test_the_first_number_out_of_bounds_is_named_as_it_is_written(change, says):
    with pytest.raises(UsageError) as caught:
        bounded(Trip("x", **change))
    assert str(caught.value) == says


def test_numbers_on_the_bounds_are_within():
    for people in (1, 9):
        bounded(Trip("x", people=people, speed_kn=0.5))


trips = st.builds(
    Trip,
    name=st.text(max_size=3),
    people=st.integers(),
    speed_kn=st.floats(allow_nan=False, allow_infinity=False),
    night=st.booleans(),
    chart=st.none() | st.text("abc/", min_size=1).map(Path),
    ports=st.lists(st.text(max_size=3)).map(tuple),
    fix=st.none() | st.tuples(st.text(max_size=2), st.text(max_size=2)),
    pin=st.none() | st.text(),
)


@given(trips)
def test_a_record_comes_back_from_its_file_and_the_secret_is_not_in_it(trip):
    values = dump(trip)
    assert "pin" not in values
    assert load(Trip, values, pin=trip.pin) == trip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"colour": "red"}, "unknown: colour"),
        ({"people": "two"}, "people"),
        ({"ports": "Brest"}, "ports"),
        ({"chart": 7}, "Path"),
    ],
)
def test_a_member_that_does_not_fit_is_an_error(change, says):
    with pytest.raises(ValueError, match=says):
        load(Trip, dump(Trip("x")) | change)


def test_a_secret_is_not_shown():
    assert "1234" not in repr(Trip("x", pin="1234"))


def test_every_default_of_ours_is_within_its_own_bounds():
    bounded(Options(url="http://h"))
    assert all(each.within(each.default) for each in settings(Config))


def test_every_option_of_ours_is_told_apart():
    for record in (Options, Config):
        shown = [option for each in settings(record) if each.about for option in (each.option, *each.aliases)]
        assert len(shown) == len(set(shown))
