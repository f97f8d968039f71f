"""An older definition that lets any spec in: how invalid runs come into a cluster that would refuse them.

They were stored before an upgrade brought more rules. From then on what is stored stays, and is judged by the
operator alone.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager

from support.operator_namespace import OperatorNamespace
from support.run_bodies import JSONObject, run_body
from testbed.kubernetes.client_tools import CommandError
from testbed.kubernetes.crd import NAME
from testbed.waiting import eventually

_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_INVALID = run_body("invalid", tasks=[])


@contextmanager
def permissive_crd(namespace: OperatorNamespace) -> Iterator[None]:
    """The older definition as long as this lasts; the operator is down, and comes with the newer one."""
    definition = namespace.cluster.get("crd", NAME)
    del definition["metadata"]["resourceVersion"]  # whatever is there is replaced
    namespace.operator.kill()
    try:
        _replace(namespace, _without_rules(definition))
        eventually(lambda: _is_permissive(namespace), "the older definition is gone by")
        yield
    finally:
        _replace(namespace, definition)
        eventually(lambda: not _is_permissive(namespace), "the newer definition is gone by")
        namespace.operator.start()


def _without_rules(definition: JSONObject) -> JSONObject:
    definition = copy.deepcopy(definition)
    (version,) = definition["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = _ANYTHING
    del schema["x-kubernetes-validations"]
    return definition


def _replace(namespace: OperatorNamespace, definition: JSONObject) -> None:
    namespace.kubectl("replace", "--filename", "-", stdin=json.dumps(definition))


def _is_permissive(namespace: OperatorNamespace) -> bool:
    try:
        namespace.apply(_INVALID, "--dry-run=server")
    except CommandError as error:
        if "is invalid" in error.stderr:
            return False
        raise
    return True
