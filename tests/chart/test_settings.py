"""The environment the chart gives the operator is the one the operator reads."""

import pytest
from chart.rendering import NAME, NAMESPACE, render, variables

from collectiverun_operator.controller.settings import PREFIX, OperatorSettings, read_settings, variable

CHANGED = (
    "watchNamespaces={one,team-a}",
    "trainer.image=registry/train:2",
    "defaultResources.limits.nvidia\\.com/gpu=2",
    "healthPort=8181",
    "metricsPort=9191",
    "logFormat=text",
    "pacing.workers=3",
    "pacing.resyncSeconds=86400",
    "pacing.figuresSeconds=7",
    "pacing.canarySeconds=5",
    "pacing.staleSeconds=15",
)


def settings_of(*values):
    return read_settings(variables(render(*values)))


def test_every_setting_is_set_and_nothing_else():
    given = {name for name in variables(render()) if name.startswith(PREFIX)}
    assert given == {variable(field) for field in OperatorSettings.model_fields}


def test_values_arrive_as_they_were_given():
    assert settings_of(*CHANGED) == OperatorSettings(
        image="registry/train:2",
        default_resources={
            "requests": {"cpu": 4, "memory": "8Gi"},
            "limits": {"nvidia.com/gpu": 2},
        },
        namespaces=("one", "team-a"),
        lease_namespace=NAMESPACE,
        lease_name=NAME,
        health_port=8181,
        metrics_port=9191,
        log_format="text",
        workers=3,
        resync_seconds=86400,
        figures_seconds=7,
        canary_seconds=5,
        stale_seconds=15,
    )


def test_the_charts_defaults_are_the_operators():
    ours = settings_of().model_dump(exclude={"image", "default_resources", "lease_name", "lease_namespace"})
    assert ours == {field: found for field, found in OperatorSettings().model_dump().items() if field in ours}


@pytest.mark.parametrize("watched", ["{one}", "{one,two}", "{two,team-a}"])
def test_the_operator_accepts_any_set_of_namespaces(watched):
    settings = settings_of(f"watchNamespaces={watched}")
    assert settings.lease_namespace in settings.namespaces


def test_values_from_a_file_arrive_as_whole_numbers(tmp_path):
    file = tmp_path / "values.yaml"
    file.write_text("pacing: {resyncSeconds: 86400}\ndefaultResources: {requests: {memory: 4000000000}}\n")
    settings = settings_of(f"--values={file}")
    assert settings.resync_seconds == 86400
    assert settings.default_resources["requests"] == {"cpu": 4, "memory": 4_000_000_000}
