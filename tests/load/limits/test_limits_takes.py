"""How a limiter takes and gives: hysteresis, lag, punishment, recovery; and what is no limiter."""

import pytest
from limits_scenes import played


def between(bounds, low, high):
    return bounds is not None and low <= bounds[0] <= bounds[1] <= high


def test_a_cap_of_one_is_found_with_two_in_flight():
    assert (played("cap of one").report["kind"], played("cap of one").report["limit"]) == ("concurrency", 1)


def test_hysteresis_is_where_it_lets_in_again():
    report = played("cap that lets in late").report
    assert report["limit"] == 16
    resumes = report["hysteresis"]["resumes_at"]
    assert between(resumes, 5, 10)
    assert resumes[0] <= 8 <= resumes[1]
    assert played("cap").report["hysteresis"] is None


def test_a_place_that_is_freed_late_is_timed_and_hides_no_place():
    report = played("cap that frees late").report
    assert report["limit"] == 16
    assert report["lag_s"] == pytest.approx(0.4, abs=0.05)
    assert played("cap").report["lag_s"] == 0


def test_punished_refusals_are_timed_for_a_cap():
    report = played("cap that punishes").report
    assert (report["kind"], report["limit"]) == ("concurrency", 8)
    assert report["penalty_s"] == pytest.approx(1.0, abs=0.1)


def test_a_punishing_bucket_is_not_called_a_cap():
    report = played("bucket that punishes").report
    assert report["kind"] == "unresolved"
    assert "refusals may be punished" in report["says"]


def test_a_rate_that_is_only_known_roughly_is_reported_in_the_middle_of_the_times_between():
    report = played("bucket of one").report
    assert report["limit_ci"][1] > 1.3 * report["limit_ci"][0]
    assert report["limit"] == pytest.approx(20, rel=0.03)
    assert "the rate is only known within" in report["says"]


def test_refusals_for_no_reason_are_no_limiter():
    report = played("at random").report
    assert report["kind"] == "unresolved"
    assert "refusals may be random" in report["says"]


def test_a_target_that_serves_nothing_is_unresolved_in_one_sentence():
    report = played("always busy").report
    assert (report["kind"], report["rivals"]) == ("unresolved", [])
    assert "a longer --duration waits longer" in report["says"]


def test_of_two_limiters_the_one_that_binds_first_is_found():
    assert (played("cap and window").report["kind"], played("cap and window").report["limit"]) == ("concurrency", 10)


def test_a_window_of_a_minute_is_found_in_five():
    report = played("rpm").report
    assert (report["kind"], report["limit"]) == ("fixed-window", 60)
    assert report["window_s"] == pytest.approx(60, rel=0.01)
    assert played("rpm").target.clock < 300


RECOVERIES = [("cap", 0.0, 0.05), ("bucket", 0.02, 0.06), ("hint: true", 0.0, 3.2), ("cap that punishes", 0.9, 2.0)]


@pytest.mark.parametrize(("name", "least", "most"), RECOVERIES)
def test_time_to_recover(name, least, most):
    assert least <= played(name).report["recovery_s"] <= most
