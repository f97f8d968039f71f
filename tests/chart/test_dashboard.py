"""The Grafana dashboard: a valid file, on metrics the operator really has, and on all of them."""

import json
import re
from itertools import combinations

from chart.rendering import CHART, of_kind, render

from collectiverun_operator.api.status_fields import RunState
from collectiverun_operator.controller.metrics import Metrics

FILE = CHART / "files" / "collectiverun.json"
OURS = re.compile(r"collectiverun_[a-z_]+")
SUFFIXES = re.compile(r"_(total|bucket|count|sum|created)$")


def dashboard():
    return json.loads(FILE.read_text())


def expressions():
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def families():
    metrics = Metrics()
    metrics.watch_queue(lambda: 0, lambda: 0)
    metrics.watch_runs(lambda: ["Running"])
    metrics.watch_events(["jobs"])
    return {family.name: family for family in metrics.registry.collect()}


def labels_of(family):
    return {label for sample in family.samples for label in sample.labels}


def test_the_config_map_holds_the_file_and_is_marked_for_the_sidecar():
    (config_map,) = of_kind(render("dashboards.enabled=true"), "ConfigMap")
    assert json.loads(config_map["data"]["collectiverun.json"]) == dashboard()
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_every_expression_asks_for_a_metric_the_operator_has():
    known = set(families())
    for expression in expressions():
        for name in OURS.findall(expression):
            assert SUFFIXES.sub("", name) in known or name in known, expression


def test_every_metric_of_the_operator_is_on_the_dashboard():
    text = " ".join(expressions())
    assert [name for name in families() if name not in text] == []


def test_states_asked_for_are_states_of_runs():
    patterns = re.findall(r'state=~?"([^"]+)"', " ".join(expressions()))
    asked = {state for words in patterns for state in words.split("|")}
    assert asked
    assert asked <= set(RunState.__args__)


def test_every_expression_is_held_to_the_chosen_operator():
    for expression in expressions():
        for selector in re.findall(r"\{([^}]*)\}", expression):
            assert 'job=~"$job", namespace=~"$namespace"' in selector


def test_panels_have_ids_of_their_own_and_do_not_overlap():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
        assert one["x"] + one["w"] <= 24
