"""A definition that lets any spec in: how runs that can't be come into a cluster whose own would refuse them.

They were stored before an upgrade brought more rules. From then on what is stored stays, and is judged by the
operator alone.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager

from behaviour.place import Place
from behaviour.runs import JSONObject
from testbed.kubernetes.client_tools import CommandError
from testbed.kubernetes.crd import NAME
from testbed.waiting import eventually

_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_NO_RUN = {
    "apiVersion": "collectiverl.io/v1alpha1",
    "kind": "CollectiveRun",
    "metadata": {"name": "no-run"},
    "spec": {},
}


@contextmanager
def older_definition(place: Place) -> Iterator[None]:
    """The older definition as long as this lasts; the operator is down, and comes with the newer one."""
    definition = place.cluster.get("crd", NAME)
    del definition["metadata"]["resourceVersion"]  # whatever is there is replaced
    place.operator.kill()
    try:
        _replace(place, _without_rules(definition))
        eventually(lambda: _takes_no_run(place), "the older definition is gone by")
        yield
    finally:
        _replace(place, definition)
        eventually(lambda: not _takes_no_run(place), "the newer definition is gone by")
        place.operator.start()


def _without_rules(definition: JSONObject) -> JSONObject:
    definition = copy.deepcopy(definition)
    (version,) = definition["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = _ANYTHING
    del schema["x-kubernetes-validations"]
    return definition


def _replace(place: Place, definition: JSONObject) -> None:
    place.kubectl("replace", "--filename", "-", stdin=json.dumps(definition))


def _takes_no_run(place: Place) -> bool:
    try:
        place.kubectl("create", "--dry-run=server", "--filename", "-", stdin=json.dumps(_NO_RUN))
    except CommandError as error:
        if "is invalid" in error.stderr:
            return False
        raise
    return True
