"""docs/operations.md as its tests read it: the blocks of each kind, and the objects in those of YAML."""

from __future__ import annotations

import re

import yaml
from testbed import ROOT, JSONObject

PAGE = ROOT / "docs" / "operations.md"


def blocks(language: str) -> list[str]:
    """The blocks marked with a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def yaml_documents() -> list[JSONObject]:
    """Every document of every block of YAML."""
    return [document for block in blocks("yaml") for document in yaml.safe_load_all(block)]


def objects() -> list[JSONObject]:
    """Those that are whole objects of Kubernetes."""
    return [document for document in yaml_documents() if "kind" in document]


def object_of(kind: str) -> JSONObject:
    """The only one of a kind."""
    (found,) = [document for document in objects() if document["kind"] == kind]
    return found
