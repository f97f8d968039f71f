"""`policy.json` of a bundle: what a runtime needs to know to feed its graphs. Its schema lies beside it."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from collectiverun_trainer.config import EnvironmentSettings, Model, Task

FORMAT: Final = "collectiverun-policy/1"


class Port(Model):
    """An input or output of a graph."""

    name: str
    type: Literal["float32", "bool"]
    shape: tuple[int | Literal["n"], ...] = Field(description="n: episodes side by side.")
    meaning: str


class Graph(Model):
    """An ONNX file of the bundle."""

    file: str
    sha256: str
    inputs: tuple[Port, ...]
    output: Port


class Window(Model):
    """What the encoder is given at each decision."""

    decisions: int = Field(description="T: the completed decisions of the episode that it sees.")
    order: Literal["oldest first"] = "oldest first"
    padding: Literal["left, zeros, mask false"] = Field(
        "left, zeros, mask false", description="Places of a history that is shorter than T."
    )


class Scaling(Model):
    """The fixed scaling of an observation, (obs - mean) / spread; for readers, since the graphs do it."""

    inside_the_graphs: Literal[True] = True
    mean: tuple[float, ...]
    spread: tuple[float, ...]


class Check(Model):
    """What the bundle was compared with torch on, whole episodes."""

    episodes: int
    decisions: int
    largest_difference: float = Field(description="Of any number of any action.")
    tolerance: float


class PolicyDocument(Model):
    """A policy that acts on Meta-World's observations."""

    format: Literal["collectiverun-policy/1"] = FORMAT
    network: str = Field(description="collective, expert, student or control.")
    tasks: tuple[Task, ...] = Field(description="Those it was taught.")
    artifact: str = Field(description="URI of the artifact that it was exported from.")
    environment: EnvironmentSettings = Field(
        description="An action is held for actionRepeat env steps; control is what takes the hand there."
    )
    observation: str = "Meta-World v3: 39 numbers, with the goal in the last three"
    action: str = "4 numbers from -1 to 1: hand's movement in x, y, z; gripper"
    reward: str = "Meta-World v3, version 2: 0 to 10; mean over the env steps that an action was held for"
    actor: Graph
    encoder: Graph | None = Field(None, description="None where the policy looks at obs alone.")
    window: Window | None = Field(None, description="Of the encoder.")
    scaling: Scaling
    check: Check | None = None
    versions: dict[str, str]
