"""A namespace into which the chart is installed."""

from __future__ import annotations

from chart.rendering import CHART, NAME, RELEASE, helm_options
from support.namespace import Namespace
from testbed.kubernetes.client_tools import CommandError
from testbed.waiting import eventually


class ChartNamespace(Namespace):
    """The namespace and the releases in it. Every method may raise CommandError."""

    @property
    def account(self) -> str:
        """The user that the operator of the release `ops` is."""
        return f"system:serviceaccount:{self.name}:{NAME}"

    def install(self, *values: str, release: str = RELEASE, verb: str = "install") -> str:
        """Install or upgrade the chart, without waiting for its Pod. Values may be options too."""
        return self.helm(verb, release, str(CHART), *helm_options(*values))

    def uninstall_all(self) -> None:
        """Uninstall every release."""
        for release in self.helm("list", "--short").split():
            self.helm("uninstall", release)

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
