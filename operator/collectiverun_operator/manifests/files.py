"""The generated files as text."""

from __future__ import annotations

import yaml

from collectiverun_operator.manifests.api_reference import api_reference
from collectiverun_operator.manifests.chart_template import chart_template
from collectiverun_operator.manifests.crd import custom_resource_definition, run_schema

CRD_FILE = "crds/collectiveruns.yaml"
TEMPLATE_FILE = "charts/collectiverun-operator/templates/crd.yaml"
REFERENCE_FILE = "docs/reference/api.md"

_HEADER = "# Generated from the typed models by `make manifests`; do not edit.\n"


def generated_files() -> dict[str, str]:
    """Path below the repository to content."""
    definition = _HEADER + as_yaml(custom_resource_definition())
    return {
        CRD_FILE: definition,
        TEMPLATE_FILE: chart_template(definition),
        REFERENCE_FILE: api_reference(run_schema()),
    }


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """Write repeated values in full, without YAML aliases."""
        return True


def as_yaml(document: object) -> str:
    """YAML in blocks, in the order given."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
