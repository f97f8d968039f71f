"""A clock that is a day wrong, against a real API server: what the operator plans by is the server's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collectiverun_operator.cluster.kubernetes.server_clock import ServerClock


@pytest.mark.parametrize("wrong", [timedelta(days=1), timedelta(days=-1)])
def test_any_answer_puts_it_right_a_refusal_too(namespace, connect, wrong):
    cluster = connect(clock=ServerClock(datetime.now(UTC) + wrong))
    assert cluster.run(namespace.name, "nobody") is None
    assert abs(cluster.awaitable.now() - datetime.now(UTC)) < timedelta(hours=1)
