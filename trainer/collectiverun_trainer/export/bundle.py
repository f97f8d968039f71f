"""Writes the bundle of a policy, and compares what it does with torch over whole episodes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from collectiverun_trainer.collective.policy import CollectivePolicy
from collectiverun_trainer.environments.observation import OBS_MEAN, OBS_SIZE, OBS_SPREAD
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.export import act, graphs
from collectiverun_trainer.export.document import Check, Graph, PolicyDocument, Port, Scaling, Window
from collectiverun_trainer.learned.policy import LearnedPolicy
from collectiverun_trainer.rollouts.play import Decision, play
from collectiverun_trainer.rollouts.policy import ActorPolicy

TOLERANCE: Final = 1e-5
GOALS: Final = 2  # episodes of each task that are compared
_OBS: Final = "observations at this decision"
_ACTION: Final = Port(name="action", type="float32", shape=("n", 4), meaning="what to do, from -1 to 1")
_WINDOW: Final = {
    "obs": "observations before each decision of the window",
    "action": "the actions taken at them",
    "reward": "what these gained",
    "mask": "true where a decision was made",
}


def write_bundle(learned: LearnedPolicy, network: str, folder: Path) -> PolicyDocument:
    """Write encoder.onnx and actor.onnx, policy.json with its schema, act.py and example.json.

    Raises:
        InputInvalid: the policy is code (a scripted expert), or acts otherwise than torch does.
        OSError: the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = _with_graphs(learned, network, folder)
    _write_json(folder / "policy.json", document.model_dump(by_alias=True, mode="json"))
    (folder / "act.py").write_text(Path(act.__file__).read_text())
    played = list(_episodes(learned))
    _write_json(folder / "example.json", _example(played[0]))
    document = document.model_copy(update={"check": _compare(folder, played)})
    _write_json(folder / "policy.json", document.model_dump(by_alias=True, mode="json"))
    _write_json(folder / "policy.schema.json", PolicyDocument.model_json_schema(by_alias=True))
    return document


def _with_graphs(learned: LearnedPolicy, network: str, folder: Path) -> PolicyDocument:
    policy = learned.policy
    obs = torch.zeros(2, OBS_SIZE)
    encoder, window = None, None
    if isinstance(policy, CollectivePolicy):
        length, size = policy.encoder.params.window, policy.network.embedding_size
        window = Window(decisions=length)
        z = Port(
            name="embedding", type="float32", shape=("n", size), meaning="the episode so far, of length 1"
        )
        module: torch.nn.Module = graphs.EncoderGraph(policy.encoder)
        encoder = _graph(folder / "encoder.onnx", module, graphs.encoder_example(length), _WINDOW, z)
        module = graphs.CollectiveActorGraph(policy.network)
        inputs = {"embedding": torch.zeros(2, size), "obs": obs}
        actor = _graph(folder / "actor.onnx", module, inputs, {"embedding": z.meaning, "obs": _OBS}, _ACTION)
    elif isinstance(policy, ActorPolicy):
        module = graphs.ActorGraph(policy.actor)
        actor = _graph(folder / "actor.onnx", module, {"obs": obs}, {"obs": _OBS}, _ACTION)
    else:
        raise InputInvalid(
            f"the {network} of {learned.uri} is Meta-World's own script: there is no network to export"
        )
    return PolicyDocument(
        network=network,
        tasks=learned.tasks,
        artifact=learned.uri,
        environment=learned.environment,
        actor=actor,
        encoder=encoder,
        window=window,
        scaling=Scaling(mean=OBS_MEAN, spread=OBS_SPREAD),
        versions={name: version(name) for name in ("collectiverun", "torch", "onnx", "onnxruntime")},
    )


def _graph(
    path: Path,
    module: torch.nn.Module,
    inputs: dict[str, torch.Tensor],
    meanings: dict[str, str],
    output: Port,
) -> Graph:
    content = graphs.to_onnx(module, inputs, output.name)
    path.write_bytes(content)
    ports = tuple(Port.model_validate(port) for port in graphs.described(inputs, meanings))
    return Graph(file=path.name, sha256=hashlib.sha256(content).hexdigest(), inputs=ports, output=output)


def _episodes(learned: LearnedPolicy) -> Iterator[list[Decision]]:
    """Whole episodes as torch plays them: the first goals of every task the policy was taught."""
    for task in learned.tasks:
        environment = VectorEnvironment((task,), learned.environment)
        for goal in range(min(GOALS, learned.environment.goals)):
            yield list(play(environment, learned.policy, [goal]))


def _compare(folder: Path, played: list[list[Decision]]) -> Check:
    """Let the bundle see what torch saw. Raises InputInvalid if any action is further off than allowed."""
    bundle, largest = act.Policy(folder), 0.0
    for decisions in played:
        bundle.reset()
        reward = None
        for decision in decisions:
            difference = np.abs(bundle.predict(decision.obs, reward) - decision.action)
            largest, reward = max(largest, float(difference.max())), decision.reward
    if not largest <= TOLERANCE:
        raise InputInvalid(
            f"what was to be exported acts otherwise than torch: an action differs by {largest:.1e},"
            f" more than {TOLERANCE:g}; nothing was written"
        )
    decisions_played = sum(map(len, played))
    return Check(
        episodes=len(played), decisions=decisions_played, largest_difference=largest, tolerance=TOLERANCE
    )


def _example(decisions: list[Decision]) -> list[dict[str, Any]]:
    return [
        {"obs": d.obs[0].tolist(), "action": d.action[0].tolist(), "reward": float(d.reward[0])}
        for d in decisions
    ]


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1))
