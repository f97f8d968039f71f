"""Phases as their processes run them: on one thread, and with time for a busy machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

LIMIT_SECONDS = 1200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Seconds of computing are minutes where many share a core."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Bits are compared with those of a process of one thread, so no other count may be left over."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
