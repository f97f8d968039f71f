"""How a member that works for several seeds publishes: a part for each, and the whole that names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collectiverun_trainer.artifacts.artifact import Commit
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.rollouts.outcomes import mean_of


def publish_by_seed(
    context: PhaseContext, env_steps: Mapping[int, int], publish: Callable[[PhaseContext], PhaseResult]
) -> PhaseResult:
    """The result of the whole; with one seed that is what `publish` publishes.

    Args:
        env_steps: what the experience of each seed took; the time spent is shared out accordingly.
        publish: publishes what belongs to the seed of the context it gets.
    """
    seeds = context.order.all_seeds
    if len(seeds) == 1:
        return publish(context)
    total, (wall, cpu) = sum(env_steps.values()), context.reporter.spent_seconds
    shares = {seed: env_steps[seed] / total if total else 1 / len(seeds) for seed in seeds}
    results = {
        seed: publish(context.of_seed(seed, (share * wall, share * cpu))) for seed, share in shares.items()
    }
    return context.publish(
        context.writer(),
        mean_of([result.success for result in results.values() if result.success]),
        total,
        " ".join(f"Seed {seed}: {result.note}" for seed, result in results.items() if result.note),
        parts={seed: _commit(result) for seed, result in results.items()},
    )


def _commit(result: PhaseResult) -> Commit:
    if result.uri is None or result.manifest_sha256 is None:
        raise RuntimeError("A part was not published.")
    return Commit(result.uri, result.manifest_sha256)
