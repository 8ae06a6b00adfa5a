"""The worker's ticks: of all workers one has the clock, and asks for it seldom."""

from datetime import datetime, timedelta

from bot.worker import CLOCK, Worker
from storage.leases import Lease
from tests.test_sender import Steady
from tests.world import World


def worker(world: World, holder: str, steady: Steady) -> Worker:
    return Worker(world.desk, holder, None, None, [], steady=steady)


def until(world: World) -> datetime:
    (lease,) = world.rows(Lease)
    return lease["until"]  # type: ignore[no-any-return]


def test_the_clock_is_asked_for_when_half_of_its_lease_is_over(world: World) -> None:
    steady = Steady()
    one, two = worker(world, "one", steady), worker(world, "two", steady)
    first = world.clock() + CLOCK

    def forward(seconds: float) -> None:
        world.clock.forward(seconds=seconds)
        steady.now += seconds

    assert one._has_clock()
    forward(59)
    assert one._has_clock()
    assert not two._has_clock()
    assert until(world) == first
    forward(1)
    assert one._has_clock()
    assert until(world) == first + timedelta(minutes=1)


def test_who_slept_asks_before_it_ticks(world: World) -> None:
    """Whichever of its clocks went on meanwhile, and also where one was set back."""
    for clock, steady_too in ((121, True), (121, False), (0, True), (-3600, False)):
        steady = Steady()
        one, two = worker(world, f"one {clock} {steady_too}", steady), worker(world, "two", steady)
        world.clock.forward(hours=3)
        assert one._has_clock()
        world.clock.forward(seconds=121)
        assert two._has_clock()
        world.clock.forward(seconds=clock - 121)
        steady.now += 121 * steady_too
        assert not one._has_clock()
