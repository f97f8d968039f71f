"""Installing the chart and looking at what came of it, with helm and kubectl."""

from __future__ import annotations

import json
from typing import Any

from chart.rendering import CHART
from testbed.kubernetes.client_tools import ClusterCommands, CommandError
from testbed.kubernetes.crd import wait_until_established
from testbed.waiting import eventually

JSONObject = dict[str, Any]
CRD = "collectiveruns.collectiverl.io"


class ChartCommands(ClusterCommands):
    """What these tests do with a cluster again and again. Every method may raise CommandError."""

    def install(self, release: str, namespace: str, *values: str, verb: str = "install") -> str:
        """Install or upgrade the chart, without waiting for its Pod. Values may be options too."""
        options = [word for value in values for word in _option(value)]
        return self.helm(verb, release, str(CHART), "--namespace", namespace, *options)

    def uninstall_all(self, namespace: str) -> None:
        """Uninstall every release of a namespace."""
        for release in self.helm("list", "--namespace", namespace, "--short").split():
            self.helm("uninstall", release, "--namespace", namespace)

    def create(self, document: JSONObject) -> None:
        """Create an object."""
        self.kubectl("create", "--filename", "-", stdin=json.dumps(document))

    def get(self, *words: str) -> JSONObject:
        """An object, or a list of them, as the server has it."""
        found: JSONObject = json.loads(self.kubectl("get", *words, "--output", "json"))
        return found

    def names(self, *words: str) -> set[str]:
        """Names of the objects found, as kind/name."""
        return set(self.kubectl("get", *words, "--output", "name").split())

    def can(self, user: str, *words: str) -> bool:
        """Whether a user may do this."""
        try:
            return self.kubectl("auth", "can-i", *words, "--as", user).strip() == "yes"
        except CommandError as error:
            if error.stdout.strip() == "no":
                return False
            raise

    def wait_until_can(self, user: str, *words: str) -> None:
        """Wait until a user may do this: the API server hears of new Roles and bindings a moment later."""
        eventually(lambda: self.can(user, *words), f"{user} can {' '.join(words)}")

    def wait_for_definition(self) -> None:
        """Wait until runs can be created."""
        wait_until_established(self.kubectl)


def _option(value: str) -> list[str]:
    return ["--set", value] if "=" in value and not value.startswith("--") else [value]
