"""Kubernetes quantities."""

from decimal import Decimal

import pytest

from collectiverun_operator.api.quantities import check_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        (2, "2"),
        (1.5, "1.5"),
        (".5", "0.5"),
        ("4Gi", str(4 * 1024**3)),
        ("1k", "1000"),
        ("3M", "3000000"),
        ("1e3", "1000"),
        ("1E", str(10**18)),
        ("10n", "0.00000001"),
        ("-1", "-1"),
    ],
)
def test_a_quantity_is_a_number(text, number):
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", "two", "1 Gi", "1gi", "1K", "1mi", "Gi", True, None, [1], "1e", "0x10", "1\n"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="is not a quantity; write for example"):
        parse_quantity(text)


def test_nothing_negative_can_be_asked_for():
    with pytest.raises(ValueError, match="negative"):
        check_quantity("-1")
