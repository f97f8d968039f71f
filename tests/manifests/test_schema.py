"""The schema: everything typed, described and bounded, as Kubernetes wants it."""

import re

from manifests.api_server_model import node, nodes, rules, violations, with_defaults

from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.spec import Spec
from collectiverun_operator.manifests.crd import custom_resource_definition, run_schema

SCHEMA = run_schema()
NODES = dict(nodes(SCHEMA))
# Parts of a Pod: whatever the API server takes there.
OPAQUE = ("podTemplate.metadata", "podTemplate.spec")
# The API server describes metadata itself.
METADATA = ("metadata", "metadata.name")
INT_OR_STRING = "x-kubernetes-int-or-string"


def of_type(*types):
    return {path: found for path, found in NODES.items() if found.get("type") in types}


def test_everything_has_a_type():
    untyped = [path for path, found in NODES.items() if not ("type" in found or INT_OR_STRING in found)]
    assert untyped == []


def test_every_string_is_bounded():
    for path, found in of_type("string").items():
        is_limited = "enum" in found or found.get("format") == "date-time"
        assert is_limited or found["maxLength"] <= 2048, path


def test_every_list_is_bounded_and_says_how_it_merges():
    for path, found in of_type("array").items():
        assert found["maxItems"] <= 128, path
        assert found["x-kubernetes-list-type"] in ("atomic", "map", "set"), path


def test_every_object_has_fields_or_is_a_bounded_map():
    for path, found in of_type("object").items():
        assert "properties" in found or found["maxProperties"] <= 64, path


def test_every_number_a_user_writes_is_bounded():
    for path, found in of_type("integer", "number").items():
        assert path.startswith("status") or {"minimum", "maximum"} <= found.keys(), path


def test_only_parts_of_a_pod_are_opaque():
    opaque = [path for path, found in NODES.items() if "x-kubernetes-preserve-unknown-fields" in found]
    assert len(opaque) == 2 * (1 + len(PHASES))  # of the run and of each phase: metadata and spec
    assert all(path.endswith(OPAQUE) for path in opaque)


def test_everything_is_described_in_a_sentence():
    for path, found in NODES.items():
        if path not in METADATA and not path.endswith(("[]", "{}")):
            assert re.fullmatch(r"\S.{10,}\.", found["description"]), path


def test_counts_and_times_say_their_unit():
    for path, found in NODES.items():
        name = path.rsplit(".", 1)[-1]
        if name.endswith("Seconds"):
            assert "seconds" in found["description"], path
        if name.endswith(("EnvSteps", "GradientSteps")) and not name.startswith("random"):
            assert "steps" in found["description"], path


def test_the_status_has_no_defaults():
    assert [path for path, found in NODES.items() if path.startswith("status") and "default" in found] == []


def test_an_object_with_a_default_takes_no_rules():
    """The server tries rules on the default before it is filled from inside."""
    for path in {path for path, _ in rules(SCHEMA)} - {""}:
        way = path.split(".")
        for depth in range(1, len(way) + 1):
            assert "default" not in node(SCHEMA, ".".join(way[:depth])), path


def test_defaults_are_those_of_the_models():
    least = {"tasks": [{"env": "reach-v3"}], "storage": {"uri": "s3://bucket"}}
    filled = with_defaults(SCHEMA["properties"]["spec"], least)
    spec = Spec.model_validate(least).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert filled == spec
    assert violations(SCHEMA["properties"]["spec"], filled) == []


def test_columns_point_at_fields_that_are_there():
    for column in custom_resource_definition()["spec"]["versions"][0]["additionalPrinterColumns"]:
        path = re.sub(r"\[\?[^]]*\]", "[]", column["jsonPath"].removeprefix("."))
        if path != "metadata.creationTimestamp":
            assert NODES[path]["type"] == column["type"], path
