"""What a phase that runs as its own process works with, from its order."""

from __future__ import annotations

from collectiverun_trainer.artifacts.checkpoint import CheckpointStore
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.order import PhaseOrder
from collectiverun_trainer.phases import own_robots
from collectiverun_trainer.phases.configuration import configuration
from collectiverun_trainer.phases.context import PhaseContext, pod_name
from collectiverun_trainer.process.device import default_device
from collectiverun_trainer.process.reporter import Reporter
from collectiverun_trainer.process.stopping import StopFlag


def prepare(order: PhaseOrder, reporter: Reporter, stop: StopFlag) -> PhaseContext:
    """The context of a phase that runs as its own process.

    Raises InvalidConfiguration if a parameter, or the model of an own robot, can't be used.
    """
    order = own_robots.with_own_robots(order)
    storage = Storage(order.storage)
    pod = pod_name()
    uri = join(order.member_uri, "checkpoints")
    inputs = {phase: [reference.uri for reference in named] for phase, named in order.inputs.items()}
    config = configuration(order) | {"inputs": inputs}
    checkpoints = CheckpointStore(storage, uri, order.attempt, config=config, pod=pod)
    return PhaseContext(order, storage, reporter, checkpoints, default_device(), stop, pod)
