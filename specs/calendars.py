"""Days that count as workdays for prices: the public holidays of a vendor's country, by year, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from echosounder.specs.lines import YamlFile

FILE = "calendar.yaml"
DAYS = ("daily", "weekdays", "workdays")  # weekdays: Monday to Friday; workdays: those that are no holiday
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """``holidays`` of the ``years`` that are known; a day begins at midnight in ``zone``."""

    zone: tzinfo
    holidays: frozenset[date]
    years: frozenset[int]

    def holds(self, days: str, at: datetime) -> bool:
        """Whether the day of an aware instant is one of these ``days``. A weekday of a year that is not known counts as a workday."""
        day = at.astimezone(self.zone).date()
        return days == "daily" or (day.weekday() < 5 and (days == "weekdays" or day not in self.holidays))

    def knows(self, at: datetime) -> bool:
        return at.astimezone(self.zone).year in self.years


ALWAYS = Calendar(UTC, frozenset(), frozenset())  # where no window needs one


def read(table: YamlFile) -> Calendar:
    """SpecError with file and line for unreadable files."""
    try:
        zone = datetime.fromisoformat(f"2026-01-01T00:00:00{table.value['zone']}").tzinfo
    except ValueError:
        zone = None
    if zone is None:
        raise table.error(("zone",), "write the zone as an offset, like '+08:00'")
    days = [day for year in table.value["holidays"] for day in _days(table, year)]
    return Calendar(zone, frozenset(days), frozenset(map(int, table.value["holidays"])))


def _days(table: YamlFile, year: str) -> Iterator[date]:
    for index, row in enumerate(table.value["holidays"][year]):
        try:
            first, last = date.fromisoformat(row["first"]), date.fromisoformat(row["last"])
        except (KeyError, ValueError) as error:
            raise table.error(
                ("holidays", year, index), f"a holiday has name, first and last day: {error!r}"
            ) from error
        if not first <= last or {first.year, last.year} != {int(year)}:
            raise table.error(
                ("holidays", year, index), f"a holiday of {year} lies in that year and ends after it begins"
            )
        yield from (first + A_DAY * number for number in range((last - first).days + 1))
