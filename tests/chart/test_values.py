"""Values: every mistake is refused with a sentence that names the value."""

import json

import pytest
import yaml
from chart.rendering import CHART, render
from testbed.kubernetes.client_tools import CommandError


def schema():
    return json.loads((CHART / "values.schema.json").read_text())


def values():
    return yaml.safe_load((CHART / "values.yaml").read_text())


def paths_of(tree, prefix=""):
    """Dotted paths of a schema's properties."""
    for key, found in tree.get("properties", {}).items():
        yield prefix + key
        yield from paths_of(found, f"{prefix}{key}.")


def paths_in(tree, prefix=""):
    """Dotted paths of the default values."""
    for key, found in tree.items():
        yield prefix + key
        if isinstance(found, dict):
            yield from paths_in(found, f"{prefix}{key}.")


def test_values_and_schema_know_the_same_names():
    known, given = set(paths_of(schema())) - {"global"}, set(paths_in(values()))
    free = ("resources.", "defaultResources.", "dashboards.labels.")  # their keys are the user's
    assert {path for path in given if not path.startswith(free)} == {
        path for path in known if not path.startswith(free)
    }


def test_every_object_of_fixed_shape_refuses_names_it_does_not_know():
    def objects(tree):
        if "properties" in tree:
            yield tree
        items = [tree["items"]] if "items" in tree else []
        for found in [*tree.get("properties", {}).values(), *items]:
            yield from objects(found)

    open_ended = [tree for tree in objects(schema()) if tree.get("additionalProperties") is not False]
    # Entries of extraEnv are the API's own, with more fields than a chart should list.
    assert [sorted(tree["properties"]) for tree in open_ended] == [["name"]]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("replicas=2", "additional properties 'replicas' not allowed"),
        ("operator.tag=1", "at '/operator': additional properties 'tag' not allowed"),
        ("watchNamespaces=team-a", "at '/watchNamespaces': got string, want array"),
        ("watchNamespaces={Team_A}", "at '/watchNamespaces/0': 'Team_A' does not match pattern"),
        ("watchNamespaces={a,a}", "at '/watchNamespaces': items at 0 and 1 are equal"),
        ("logFormat=xml", "at '/logFormat': value must be one of 'json', 'text'"),
        ("healthPort=http", "at '/healthPort': got string, want integer"),
        ("metricsPort=80", "at '/metricsPort': minimum: got 80, want 1,024"),
        ("operator.imagePullPolicy=Sometimes", "value must be one of 'Always', 'IfNotPresent', 'Never'"),
        ("operator.image=two words", "at '/operator/image': 'two words' does not match pattern"),
        ("crd.install=maybe", "at '/crd/install': got string, want boolean"),
        ("pacing.workers=0", "at '/pacing/workers': minimum: got 0, want 1"),
        ("serviceMonitor.interval=often", "at '/serviceMonitor/interval': 'often' does not match pattern"),
        ("extraEnv[0].value=x", "at '/extraEnv/0': missing property 'name'"),
        ("defaultResources.limit.cpu=1", "at '/defaultResources': additional properties 'limit' not allowed"),
    ],
)
def test_a_mistaken_value_is_named_in_the_refusal(setting, sentence):
    with pytest.raises(CommandError) as refusal:
        render(setting)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("pacing.staleSeconds=40", "pacing.staleSeconds is 40: the canary comes every 30 s"),
        ("metricsPort=8080", "healthPort and metricsPort are both 8080: give them different ports"),
        ("serviceAccount.name=default", "set serviceAccount.create to false, or give it another name"),
    ],
)
def test_values_that_do_not_go_together_are_refused_with_a_way_out(setting, sentence):
    with pytest.raises(CommandError) as refusal:
        render(setting)
    assert sentence in str(refusal.value)


def test_a_chart_that_contains_this_one_may_pass_its_globals():
    assert render("global.registry=somewhere")
