"""The API server's clock by its answers: an operator whose own clock is wrong plans by the server's."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from unit_operator.builders import NOON, later

from collectiverun_operator.cluster.kubernetes.server_clock import ServerClock


class Exchange:
    """An API server whose clock is right, and this machine's, which is `ahead` of it by some seconds."""

    def __init__(self, ahead):
        self.passed = 0.0
        self.clock = ServerClock(later(ahead), steady=lambda: 500.0 + self.passed)

    def ask(self, seconds=0.0, stamped_after=0.0):
        """A request that takes so long, and the server writes the date of its answer so soon."""
        asked_at = self.clock.steady()
        date = format_datetime(later(self.passed + stamped_after).replace(microsecond=0), usegmt=True)
        self.passed += seconds
        self.clock.heard(date, asked_at)

    @property
    def error_seconds(self):
        """How far what it says is from the server's time."""
        return abs((self.clock.now() - later(self.passed)).total_seconds())


@pytest.mark.parametrize("ahead", [3600, -3600, 86_400, 10])
def test_after_one_answer_it_is_the_servers(ahead):
    exchange = Exchange(ahead)
    assert exchange.error_seconds == abs(ahead)
    exchange.ask(seconds=0.2)
    assert exchange.error_seconds <= 1


@pytest.mark.parametrize(("seconds", "stamped_after"), [(30, 0), (30, 30), (0, 0), (1.9, 0.9)])
def test_an_answer_that_took_long_moves_a_clock_that_is_right_by_nothing(seconds, stamped_after):
    exchange = Exchange(ahead=0)
    exchange.ask(seconds, stamped_after)
    assert exchange.error_seconds == 0


def test_it_goes_on_between_answers():
    exchange = Exchange(ahead=3600)
    exchange.ask()
    before = exchange.clock.now()
    exchange.passed += 60
    assert exchange.clock.now() - before == timedelta(seconds=60)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sat, 99 Jan 2026 12:00:00 GMT"])
def test_a_date_that_can_not_be_read_changes_nothing(date):
    clock = ServerClock(NOON, steady=lambda: 0.0)
    clock.heard(date, asked_at=0.0)
    assert clock.now() == NOON
