"""What the outcome of a phase order depends on."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from collectiverun_trainer.config import PARAMS, Model
from collectiverun_trainer.config.validation import faults
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.order import PhaseOrder

_Params = TypeVar("_Params", bound=Model)


def configuration(order: PhaseOrder) -> dict[str, Any]:
    """Seed, environment, holdout and parameters, defaults filled in; equal for all attempts of a member."""
    named = {"environment", "seed", "holdout"} | ({"seeds"} if order.seeds else set())
    fields = order.model_dump(by_alias=True, mode="json", include=named)
    params = typed_params(order, PARAMS[order.phase])
    return fields | {"params": params.model_dump(by_alias=True, mode="json")}


def typed_params(order: PhaseOrder, model: type[_Params]) -> _Params:
    """The order's parameters. Raises InvalidConfiguration with the field of every fault."""
    try:
        return model.model_validate(order.params)
    except ValidationError as error:
        raise InvalidConfiguration(
            f"The phase order is invalid: {faults(error, model, 'params')}."
        ) from error
