"""The definition as a template of the chart: optional, and kept on uninstall."""

from __future__ import annotations


def chart_template(definition: str) -> str:
    """The definition's YAML, wrapped. In the chart's `crds/` folder it would never be upgraded."""
    return f"{{{{- if .Values.crd.install }}}}\n{_kept(definition)}{{{{- end }}}}\n"


def _kept(definition: str) -> str:
    """Runs, and what they published, outlive the operator: so must their definition."""
    return definition.replace(
        "metadata:\n", "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n", 1
    )
