"""The operator's Prometheus metrics. No label names a run: the number of series does not grow with runs."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from collectiverun_operator.api.outcome import RETRY_BUDGETS, RetryBudget
from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.status import PhaseStatus, RunStatus
from collectiverun_operator.plan.stalls import STALLED

RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PHASE_BUCKETS = (10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)

Clock = Callable[[], float]


class Metrics:
    """The operator's registry and its metrics."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each
        self.registry = CollectorRegistry()
        self._clock = clock
        self._seen_at: dict[str, float] = {}
        self.reconcile_seconds = Histogram(
            "collectiverun_reconcile_seconds",
            "Duration of one reconcile of one run, by its result.",
            ["result"],
            buckets=RECONCILE_BUCKETS,
            registry=self.registry,
        )
        self.api_requests = Counter(
            "collectiverun_api_requests",
            "Requests to the API server; code 0: it did not answer.",
            ["verb", "code"],
            registry=self.registry,
        )
        self.retries = Counter(
            "collectiverun_retries",
            "Retries charged to a retry budget.",
            ["phase", "kind"],
            registry=self.registry,
        )
        self.stalls = Counter(
            "collectiverun_stalls",
            "Times a run got members that run and make no progress (runPolicy.stallSeconds).",
            registry=self.registry,
        )
        self.resource_seconds = Counter(
            "collectiverun_resource_seconds",
            "CPU cores and GPUs requested, times seconds, of attempts that have ended.",
            ["phase", "resource", "result"],
            registry=self.registry,
        )
        self.phase_seconds = Histogram(
            "collectiverun_phase_seconds",
            "Time from a phase's start to its success.",
            ["phase"],
            buckets=PHASE_BUCKETS,
            registry=self.registry,
        )
        self.loop_lag_seconds = Histogram(
            "collectiverun_loop_lag_seconds",
            "How late the event loop was, sampled once a second.",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )

        self._begin_at_zero()

    def watch_queue(self, depth: Callable[[], float], oldest_seconds: Callable[[], float]) -> None:
        """Read the queue's gauges at every scrape."""
        self._gauge("collectiverun_queue_depth", "Runs that are due and wait for a worker.", depth)
        text = "For how long the oldest run in the queue has been due."
        self._gauge("collectiverun_queue_oldest_seconds", text, oldest_seconds)

    def watch_runs(self, states: Callable[[], Iterable[str]]) -> None:
        """Count the runs' states at every scrape."""
        text = "Runs by their state."
        self.registry.register(_Family("collectiverun_runs", text, "state", lambda: Tally(states())))

    def watch_events(self, kinds: Iterable[str]) -> None:
        """Read the age of the last watch event of each of these kinds at every scrape."""
        self._seen_at = dict.fromkeys(kinds, self._clock())
        name, text = "collectiverun_watch_last_event_age_seconds", "Age of the last watch event."
        self.registry.register(_Family(name, text, "kind", self._event_ages))

    def record_event(self, kind: str) -> None:
        """A watch event of this kind arrived."""
        self._seen_at[kind] = self._clock()

    def record_request(self, verb: str, code: int) -> None:
        """A request to the API server was answered with this code, or not (0)."""
        self.api_requests.labels(verb, str(code)).inc()

    def count_transition(self, before: RunStatus, after: RunStatus) -> None:
        """Count what a run's new status has and its last one had not: stalls, retries, phases succeeded."""
        if _is_stalled(after) and not _is_stalled(before):
            self.stalls.inc()
        previous = {phase.name: phase for phase in before.phases}
        for phase in after.phases:
            self._count_phase(previous.get(phase.name, PhaseStatus(name=phase.name)), phase)

    def _count_phase(self, before: PhaseStatus, after: PhaseStatus) -> None:
        for budget in RETRY_BUDGETS:
            spent = _retries(after, budget) - _retries(before, budget)
            if spent > 0:  # less than none: a new retryToken gave a new budget
                self.retries.labels(after.name, budget).inc(spent)
        for resource, result, spent_seconds in _costs(after, before):
            self.resource_seconds.labels(after.name, resource, result).inc(spent_seconds)
        has_succeeded = before.state != "Succeeded" == after.state
        if has_succeeded and after.start_time and after.completion_time:
            seconds = (after.completion_time - after.start_time).total_seconds()
            self.phase_seconds.labels(after.name).observe(seconds)

    def _begin_at_zero(self) -> None:
        """Create each series at 0. One that starts at 1 is no increase to Prometheus."""
        for phase in PHASES:
            self.phase_seconds.labels(phase.name)
            for budget in RETRY_BUDGETS:
                self.retries.labels(phase.name, budget)
            for resource, result, _ in _costs(*[PhaseStatus(name=phase.name)] * 2):
                self.resource_seconds.labels(phase.name, resource, result)

    def _event_ages(self) -> Mapping[str, float]:
        return {kind: self._clock() - seen_at for kind, seen_at in self._seen_at.items()}

    def _gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        Gauge(name, text, registry=self.registry).set_function(value)


def _costs(after: PhaseStatus, before: PhaseStatus) -> Iterable[tuple[str, str, int]]:
    """Resource, result and seconds of what attempts took that ended between two statuses."""
    failed_cpu = after.failed_cpu_seconds - before.failed_cpu_seconds
    failed_gpu = after.failed_gpu_seconds - before.failed_gpu_seconds
    yield "cpu", "failed", failed_cpu
    yield "gpu", "failed", failed_gpu
    yield "cpu", "used", after.cpu_seconds - before.cpu_seconds - failed_cpu
    yield "gpu", "used", after.gpu_seconds - before.gpu_seconds - failed_gpu


def _is_stalled(status: RunStatus) -> bool:
    condition = status.condition("Running")
    return condition is not None and condition.reason == STALLED


def _retries(phase: PhaseStatus, budget: RetryBudget) -> int:
    return sum(member.retries(budget) for member in phase.members)


class _Family(Collector):
    """Gauges that are read at every scrape, so that what is gone disappears."""

    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._text, labels=[self._label])
        for label, value in sorted(self._read().items()):
            family.add_metric([label], value)
        yield family
