"""The generated files as text."""

from __future__ import annotations

import yaml

from collectiverun_operator.manifests.crd import custom_resource_definition

CRD_FILE = "crds/collectiveruns.yaml"
_HEADER = "# Generated from the typed models by `make manifests`; do not edit.\n"


def generated_files() -> dict[str, str]:
    """Path below the repository to content."""
    return {CRD_FILE: _HEADER + as_yaml(custom_resource_definition())}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """What occurs twice is written twice."""
        return True


def as_yaml(document: object) -> str:
    """YAML in blocks, in the order given."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
