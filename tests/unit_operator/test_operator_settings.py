"""The operator's settings: what the chart sets is used, a bad value is told in a sentence."""

from __future__ import annotations

import pytest

from collectiverun_operator.controller.settings import BadSettingError, read_settings


def test_an_empty_environment_gives_defaults() -> None:
    settings = read_settings({"COLLECTIVERUN_NAMESPACES": "", "COLLECTIVERUN_LEASE_NAME": ""})
    assert settings.namespaces == ()
    assert (settings.health_port, settings.metrics_port, settings.workers) == (8080, 9090, 16)
    assert not settings.platform.local


def test_the_environment_is_read() -> None:
    settings = read_settings(
        {
            "COLLECTIVERUN_IMAGE": "trainer:1",
            "COLLECTIVERUN_DEFAULT_RESOURCES": '{"limits": {"nvidia.com/gpu": 1}}',
            "COLLECTIVERUN_NAMESPACES": "one, two,",
            "COLLECTIVERUN_LEASE_NAMESPACE": "two",
            "COLLECTIVERUN_LEASE_NAME": "canary",
            "COLLECTIVERUN_RESYNC_SECONDS": "60",
            "COLLECTIVERUN_LOG_FORMAT": "text",
        }
    )
    assert settings.platform.image == "trainer:1"
    assert settings.platform.resources == {"limits": {"nvidia.com/gpu": 1}}
    assert settings.namespaces == ("one", "two")
    assert settings.resync_seconds == 60
    assert settings.log_format == "text"


def test_options_win_over_the_environment() -> None:
    settings = read_settings({"COLLECTIVERUN_NAMESPACES": "one"}, namespaces=("two",), log_format=None)
    assert settings.namespaces == ("two",)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"HEALTH_PORT": "http"}, "COLLECTIVERUN_HEALTH_PORT=http: input should be a valid integer"),
        ({"METRICS_PORT": "70000"}, "COLLECTIVERUN_METRICS_PORT=70000: input should be less than or equal"),
        ({"WORKERS": "0"}, "COLLECTIVERUN_WORKERS=0: input should be greater than or equal to 1"),
        ({"RESYNC_SECONDS": "-1"}, "COLLECTIVERUN_RESYNC_SECONDS=-1: input should be greater than 0"),
        ({"LOG_FORMAT": "xml"}, "COLLECTIVERUN_LOG_FORMAT=xml: input should be 'json' or 'text'"),
        ({"DEFAULT_RESOURCES": "one GPU"}, "COLLECTIVERUN_DEFAULT_RESOURCES=one GPU: is not JSON like {"),
        (
            {"DEFAULT_RESOURCES": '{"limits": 1}'},
            'COLLECTIVERUN_DEFAULT_RESOURCES={"limits": 1}: is not JSON',
        ),
        (
            {"LEASE_NAME": "canary"},
            "COLLECTIVERUN_LEASE_NAME is set, but COLLECTIVERUN_LEASE_NAMESPACE is not",
        ),
        (
            {"LEASE_NAME": "canary", "LEASE_NAMESPACE": "here", "NAMESPACES": "there"},
            "COLLECTIVERUN_LEASE_NAMESPACE=here is not one of the namespaces served (there)",
        ),
        (
            {"LEASE_NAME": "canary", "LEASE_NAMESPACE": "here", "CANARY_SECONDS": "90"},
            "COLLECTIVERUN_STALE_SECONDS must be at least twice COLLECTIVERUN_CANARY_SECONDS",
        ),
    ],
)
def test_a_bad_value_is_told_with_its_variable(environment: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettingError) as raised:
        read_settings({f"COLLECTIVERUN_{name}": value for name, value in environment.items()})
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_every_bad_value_is_told_at_once() -> None:
    with pytest.raises(BadSettingError, match=r"HEALTH_PORT.*; .*WORKERS"):
        read_settings({"COLLECTIVERUN_HEALTH_PORT": "x", "COLLECTIVERUN_WORKERS": "x"})
