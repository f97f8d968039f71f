"""The work queue: nothing is lost, nothing is done twice at once, what fails comes back later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from testbed.waiting import LIMIT_SECONDS

from collectiverun_operator.controller.workqueue import Schedule, WorkQueue
from collectiverun_operator.rate_limit import BackOff, TokenBucket


class SetClock:
    """A clock a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drained(schedule: Schedule[str], now: float) -> list[str]:
    """Every key that can be taken now, in order."""
    found = []
    while (key := schedule.take(now)) is not None:
        found.append(key)
    return found


def test_a_key_added_twice_is_taken_once() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0)
    schedule.add("a", 0)
    assert drained(schedule, 0) == ["a"]


def test_keys_are_taken_in_the_order_in_which_they_became_due() -> None:
    schedule: Schedule[str] = Schedule()
    for key, due in (("late", 3.0), ("early", 1.0), ("middle", 2.0), ("middle too", 2.0)):
        schedule.add(key, due)
    assert drained(schedule, 5) == ["early", "middle", "middle too", "late"]


def test_of_what_is_due_the_urgent_goes_first() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("old", 0)
    schedule.add("urgent, not due", 9, urgent=True)
    schedule.add("urgent", 2, urgent=True)
    schedule.add("urgent too", 1, urgent=True)
    assert drained(schedule, 5) == ["urgent too", "urgent", "old"]
    assert schedule.next_due() == 9


def test_what_becomes_urgent_while_it_waits_or_is_worked_on_goes_first_once() -> None:
    schedule: Schedule[str] = Schedule()
    for key in ("old", "waits", "active"):
        schedule.add(key, 0 if key != "active" else -1)
    assert schedule.take(0) == "active"
    assert schedule.add("waits", 1, urgent=True)
    assert not schedule.add("waits", 1, urgent=True)
    schedule.add("active", 1, urgent=True)
    assert drained(schedule, 1) == ["waits", "old"]
    schedule.done("active")
    assert drained(schedule, 1) == ["active"]
    for key in ("active", "waits", "old"):
        schedule.done(key)
    assert drained(schedule, 9) == []


def test_a_key_is_not_taken_before_it_is_due() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 10)
    assert schedule.take(9.9) is None
    assert schedule.next_due() == 10
    assert schedule.take(10) == "a"


@pytest.mark.parametrize("dues", [(10, 1), (1, 10)])
def test_the_sooner_of_two_moments_wins(dues: tuple[float, float]) -> None:
    schedule: Schedule[str] = Schedule()
    for due in dues:
        schedule.add("a", due)
    assert schedule.take(1) == "a"
    schedule.done("a")
    assert schedule.take(20) is None


def test_a_key_is_not_taken_while_it_is_worked_on_and_not_lost_either() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0)
    schedule.take(0)
    schedule.add("a", 0)
    assert schedule.take(1) is None
    schedule.done("a")
    assert schedule.take(1) == "a"


def test_age_counts_what_is_due_and_what_is_worked_on_but_not_what_is_delayed() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("delayed", 100)
    assert schedule.oldest_seconds(50) == 0
    schedule.add("due", 20)
    assert schedule.oldest_seconds(50) == 30
    schedule.take(50)
    assert (schedule.oldest_seconds(60), schedule.depth(60)) == (40, 0)
    schedule.done("due")
    assert (schedule.oldest_seconds(60), schedule.depth(160)) == (0, 1)


def test_a_long_queue_that_moves_does_not_stand_still() -> None:
    schedule: Schedule[str] = Schedule()
    for key in "abc":
        schedule.add(key, 0)
    assert schedule.stalled_seconds(100, finished_at=0) == 100
    assert schedule.stalled_seconds(100, finished_at=90) == 10


def test_a_queue_stands_still_as_long_as_a_key_is_worked_on() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("slow", 0)
    schedule.add("waits", 0)
    schedule.take(50)
    assert schedule.stalled_seconds(100, finished_at=90) == 50
    schedule.done("slow")
    assert schedule.stalled_seconds(100, finished_at=100) == 0


STEPS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from("abc"), st.integers(0, 5)),
    st.tuples(st.just("take"), st.just(""), st.just(0)),
    st.tuples(st.just("done"), st.sampled_from("abc"), st.just(0)),
    st.tuples(st.just("wait"), st.just(""), st.integers(1, 5)),
)


@given(st.lists(STEPS, max_size=60))
def test_whatever_happens_every_key_asked_for_is_taken_afterwards(steps: list[tuple[str, str, int]]) -> None:
    schedule: Schedule[str] = Schedule()
    now, active, owed = 0.0, set[str](), dict[str, float]()
    for step, key, amount in steps:
        if step == "add":
            schedule.add(key, now + amount)
            owed[key] = min(owed.get(key, now + amount), now + amount)
        elif step == "wait":
            now += amount
        elif step == "done" and key in active:
            schedule.done(key)
            active.remove(key)
        elif step == "take":
            taken = schedule.take(now)
            ready = [key for key, due in owed.items() if due <= now and key not in active]
            assert (taken is None) == (not ready)
            if taken is not None:
                assert taken in ready
                active.add(taken)
                del owed[taken]
    for key in active:
        schedule.done(key)
    assert sorted(drained(schedule, now + 10)) == sorted(owed)


def test_back_off_doubles_up_to_its_cap() -> None:
    back_off = BackOff(first_seconds=1, cap_seconds=10)
    assert [back_off.delay(failures, chance=1.0) for failures in (1, 2, 3, 4, 5, 2000)] == [
        1,
        2,
        4,
        8,
        10,
        10,
    ]
    assert back_off.delay(3, chance=0.0) == 2


def test_a_token_bucket_gives_a_burst_and_then_its_rate() -> None:
    clock = SetClock()
    bucket = TokenBucket(rate=2, burst=3, clock=clock)
    assert [bucket.take() for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    clock.now = 100
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]


async def serve_until(
    queue: WorkQueue[str],
    work: Callable[[str], object],
    is_enough: Callable[[], bool],
    workers: int = 3,
) -> None:
    """Let workers work until the test has seen enough."""

    async def call(key: str) -> float | None:
        result = work(key)
        return await result if asyncio.iscoroutine(result) else result  # type: ignore[return-value]

    tasks = [asyncio.create_task(queue.serve(call)) for _ in range(workers)]
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not is_enough():
                await asyncio.sleep(0.001)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _never_two_workers_on_one_key() -> None:
    queue: WorkQueue[str] = WorkQueue()
    active, rounds = set[str](), list[str]()

    async def work(key: str) -> None:
        assert key not in active
        active.add(key)
        queue.add(key)  # news while it is worked on
        await asyncio.sleep(0.001)
        active.remove(key)
        rounds.append(key)

    for key in "abcd":
        queue.add(key)
    await serve_until(queue, work, lambda: all(rounds.count(key) >= 5 for key in "abcd"))


def test_one_key_never_has_two_workers() -> None:
    asyncio.run(_never_two_workers_on_one_key())


async def _failures_come_back() -> list[str]:
    queue: WorkQueue[str] = WorkQueue(back_off=BackOff(first_seconds=0.001))
    rounds: list[str] = []

    def work(key: str) -> None:
        rounds.append(key)
        if key == "bad" and rounds.count("bad") < 4:
            raise RuntimeError("not yet")

    queue.add("bad")
    queue.add("good")
    await serve_until(queue, work, lambda: rounds.count("bad") == 4)
    return rounds


def test_a_key_that_fails_is_tried_again_and_holds_up_no_other() -> None:
    rounds = asyncio.run(_failures_come_back())
    assert rounds.count("good") == 1
    assert rounds.index("good") < 2


async def _delays() -> list[float]:
    clock = SetClock()
    queue: WorkQueue[str] = WorkQueue(back_off=BackOff(first_seconds=1), clock=clock, chance=lambda: 1.0)
    first = [queue.retry("a") for _ in range(3)]

    def work(_: str) -> None:
        return None

    clock.now = 10
    done: list[str] = []
    await serve_until(queue, lambda key: done.append(key), lambda: bool(done))
    return [*first, queue.retry("a")]


def test_a_success_forgets_earlier_failures() -> None:
    assert asyncio.run(_delays()) == [1, 2, 4, 1]


async def _comes_again() -> int:
    queue: WorkQueue[str] = WorkQueue()
    rounds = 0

    async def work(_: str) -> float | None:
        nonlocal rounds
        rounds += 1
        return 0.001 if rounds < 3 else None

    queue.add("a")
    await serve_until(queue, work, lambda: rounds == 3 and queue.oldest_seconds == 0)
    return queue.depth


def test_a_key_comes_again_when_its_worker_says_so_and_not_after_that() -> None:
    assert asyncio.run(_comes_again()) == 0


async def _a_stopped_worker_gives_back_its_key() -> None:
    queue: WorkQueue[str] = WorkQueue()
    started = asyncio.Event()

    async def hang(_: str) -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(queue.serve(hang))
    queue.add("a")
    await started.wait()
    queue.add("a")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    done: list[str] = []
    await serve_until(queue, done.append, lambda: done == ["a"])


def test_a_worker_that_is_stopped_leaves_its_key_to_the_next() -> None:
    asyncio.run(_a_stopped_worker_gives_back_its_key())
