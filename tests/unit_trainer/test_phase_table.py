"""The table of phases is all that the trainer has to be told of a phase, beside its page."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from pydantic import ValidationError
from unit_trainer.storage_places import new_order

from collectiverun_trainer.config import PHASE_NAMES
from collectiverun_trainer.config.phases import earlier_phases, page_name, title
from collectiverun_trainer.order import PhaseOrder


@pytest.mark.parametrize("phase", PHASE_NAMES)
def test_every_phase_has_a_page(phase: str) -> None:
    assert find_spec(f"collectiverun_trainer.phases.{page_name(phase)}")


def test_names_for_people_and_the_order_follow_from_the_table() -> None:
    assert title("trajectoryTransformer") == "Trajectory transformer"
    assert earlier_phases("onlineDistillation") == ("experts", "trajectoryTransformer")


def test_an_order_of_an_unknown_phase_is_refused() -> None:
    document = new_order("memory://unknown").model_dump(by_alias=True) | {"phase": "expertz"}
    with pytest.raises(ValidationError, match="unknown phase 'expertz'; use one of experts, "):
        PhaseOrder.model_validate(document)
