"""Steps and the stabilization window."""

from tests.scaling.fleets import policy

from modelfleet.scaling.rates import Need, highest_step, largest, lowest_step, with_need, with_size

POLICY = policy(scale_up_percent_per_minute=400, scale_down_percent_per_minute=50)


def needs(*sizes: int) -> tuple[Need, ...]:
    kept: tuple[Need, ...] = ()
    for index, size in enumerate(sizes):
        kept = with_need(kept, Need(5.0 * index, size), seconds=30.0)
    return kept


def test_the_window_holds_the_largest_need_not_the_smallest() -> None:
    assert largest(needs(4, 3, 4, 2, 4, 3)).replicas == 4


def test_a_need_ends_with_its_window() -> None:
    assert largest(needs(9, 2, 2, 2, 2, 2, 2)).replicas == 2


def test_only_what_can_still_be_the_largest_is_kept() -> None:
    assert [need.replicas for need in needs(1, 5, 3, 4, 2)] == [5, 4, 2]


def test_steps_count_from_the_extremes_of_the_last_minute() -> None:
    sizes = with_size(with_size((Need(0.0, 10),), Need(30.0, 8)), Need(50.0, 6))

    assert lowest_step(sizes, POLICY) == 5
    assert highest_step(sizes, POLICY) == 30


def test_the_size_at_the_beginning_of_the_minute_counts() -> None:
    sizes = with_size((Need(0.0, 10),), Need(100.0, 8))

    assert lowest_step(sizes, POLICY) == 5
    assert lowest_step(with_size(sizes, Need(170.0, 7)), POLICY) == 4


def test_a_size_that_is_over_for_a_minute_no_longer_counts() -> None:
    sizes = with_size((Need(0.0, 15),), Need(100.0, 8))
    for at in (130.0, 165.0):
        sizes = with_size(sizes, Need(at, 8))

    assert lowest_step(sizes, POLICY) == 4


def test_one_replica_moves_by_one() -> None:
    assert lowest_step((Need(0.0, 1),), POLICY) == 0
    assert highest_step((Need(0.0, 1),), policy(scale_up_percent_per_minute=10)) == 2
