"""Take in an expert that stable-baselines3 has trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.commands.requests import ImportRequest
from collectiverun_trainer.config import ExpertsParams
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.importing.places import require_free
from collectiverun_trainer.importing.sb3 import ForeignExpert, read_sac
from collectiverun_trainer.learned.addresses import locate
from collectiverun_trainer.process import output


def run(request: ImportRequest) -> dict[str, Any]:
    """Publish it; where, how well it does, and what is known of it."""
    is_path = "://" not in request.output
    address = locate(Path(request.output) if is_path else request.output, request.storage)
    storage = Storage(address.options)
    require_free(storage, address.uri, request.task)
    foreign = read_sac(Path(request.model))
    params = _fitting(foreign, request.params, request.model)
    settings = request.environment
    episodes = settings.goals + params.distill_episodes + params.policy_episodes
    output.say(
        f"{request.task.name} plays {episodes} episodes of {settings.horizon_env_steps} env steps", sys.stderr
    )
    # Imported late, when nothing of the model is wrong: torch and Meta-World take three seconds.
    from collectiverun_trainer.importing.expert import publish

    commit, success, narrow = publish(
        storage, address.uri, request.task, foreign, settings, params, request.seed
    )
    return {
        "output": address.uri,
        "artifact": commit.uri,
        "task": request.task.name,
        "success": success.model_dump(by_alias=True),
        "episodes": episodes,
        "params": {"hiddenSizes": list(params.hidden_sizes), "criticLayerNorm": params.critic_layer_norm},
        "raisedSpreads": narrow,
        "imported": foreign.about,
    }


def _fitting(foreign: ForeignExpert, params: ExpertsParams | None, model: str) -> ExpertsParams:
    """The run file's parameters, if the expert's networks are of that form; else defaults with its form."""
    form = {"hidden_sizes": foreign.hidden_sizes, "critic_layer_norm": False, "source": "sac"}
    if params is None:
        return ExpertsParams().model_copy(update=form)
    if any(getattr(params, name) != value for name, value in form.items()):
        raise InvalidConfiguration(
            f"{model} has networks of another form than phases.experts.params; write there hiddenSizes:"
            f" {list(foreign.hidden_sizes)}, criticLayerNorm: false, source: sac (they are"
            f" {list(params.hidden_sizes)}, {str(params.critic_layer_norm).lower()}, {params.source})"
        )
    return params
