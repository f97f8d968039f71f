"""The definition as a template of the chart: a choice, kept on uninstall, without CEL on old servers."""

from __future__ import annotations

import re
from collections.abc import Iterator

_RULES = re.compile(r"( *)x-kubernetes-validations:")
_SUPPORTS_RULES = '{{- if semverCompare ">=1.25-0" .Capabilities.KubeVersion.Version }}'


def chart_template(definition: str) -> str:
    """The definition's YAML, wrapped. In the chart's own `crds/` it would never be upgraded."""
    lines = "\n".join(_with_conditions(_kept(definition)))
    return f"{{{{- if .Values.crd.install }}}}\n{lines}\n{{{{- end }}}}\n"


def _kept(definition: str) -> str:
    """Runs, and what they published, outlive the operator: so must their definition."""
    return definition.replace(
        "metadata:\n", "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n", 1
    )


def _with_conditions(definition: str) -> Iterator[str]:
    """Every block of rules within a condition."""
    block: re.Match[str] | None = None
    for line in definition.splitlines():
        if block is not None and not line.startswith((f"{block[1]}- ", f"{block[1]} ")):
            yield "{{- end }}"
            block = None
        found = _RULES.fullmatch(line)
        if found is not None:
            yield _SUPPORTS_RULES
            block = found
        yield line
    if block is not None:
        yield "{{- end }}"
