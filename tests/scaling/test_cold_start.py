"""Cold starts: the 80th percentile of the last twenty."""

from modelfleet.scaling.cold_start import PRIOR_SECONDS, ColdStarts


def test_before_the_first_the_prior_holds() -> None:
    assert ColdStarts().expected_seconds() == PRIOR_SECONDS


def test_one_in_five_takes_longer() -> None:
    starts = ColdStarts(tuple(float(seconds) for seconds in range(1, 11)))

    assert starts.expected_seconds() == 9.0


def test_only_the_last_twenty_count() -> None:
    starts = ColdStarts()
    for seconds in [500.0] * 30 + [60.0] * 20:
        starts = starts.with_start(seconds)

    assert starts.expected_seconds() == 60.0
    assert len(starts.seconds) == 20
