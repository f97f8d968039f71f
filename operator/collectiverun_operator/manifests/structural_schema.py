"""A pydantic model as a structural schema, as a CustomResourceDefinition needs it.

Kubernetes accepts a subset of OpenAPI 3.0: no references, no `null`, exclusive bounds as flags. An object
whose fields all have defaults gets the default `{}`, in which the API server fills in nested defaults.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from collectiverun_operator.json_types import JSONObject

_KEPT = (
    "type",
    "description",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "format",
    "anyOf",
)
_UNKNOWN = "x-kubernetes-preserve-unknown-fields"


def structural_schema(model: type[BaseModel], *, with_defaults: bool) -> JSONObject:
    """The schema of a model's JSON. A status has no defaults: the server would add them."""
    document = model.model_json_schema(by_alias=True)
    return _Converter(document.get("$defs", {}), with_defaults).convert(document)


class _Converter:
    def __init__(self, definitions: Mapping[str, JSONObject], with_defaults: bool) -> None:
        self._definitions = definitions
        self._with_defaults = with_defaults

    def convert(self, node: JSONObject) -> JSONObject:
        node = self._resolved(node)
        schema = {key: node[key] for key in _KEPT if key in node}
        schema |= {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}
        schema |= _exclusive_bounds(node)
        if node.get("type") == "integer":
            schema["format"] = "int64"
        if node.get("type") == "array":
            schema["items"] = self.convert(node["items"])
        if node.get("type") == "object":
            schema |= self._object(node)
        return schema

    def _resolved(self, node: JSONObject) -> JSONObject:
        """The node itself, without references and without the alternative `null`."""
        siblings = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        if "$ref" in node:
            target = self._definitions[node["$ref"].rsplit("/", 1)[-1]]
            return self._resolved(target) | siblings
        options = [option for option in node.get("anyOf", []) if option != {"type": "null"}]
        if len(options) == 1:
            return self._resolved(options[0]) | siblings
        return node

    def _object(self, node: JSONObject) -> JSONObject:
        values = node.get("additionalProperties")
        if "properties" in node:
            return self._properties(node)
        if isinstance(values, dict):
            return {"additionalProperties": self.convert(values)}
        return {_UNKNOWN: True}

    def _properties(self, node: JSONObject) -> JSONObject:
        properties = {name: self._property(value) for name, value in node["properties"].items()}
        required = node.get("required", [])
        return ({"required": required} if required else {}) | {"properties": properties}

    def _property(self, node: JSONObject) -> JSONObject:
        schema = self.convert(node)
        default = node.get("default")
        if not self._with_defaults or default is None:
            return schema
        return schema | {"default": {} if schema.get("type") == "object" else default}


def _exclusive_bounds(node: JSONObject) -> JSONObject:
    """JSON Schema's numbers as OpenAPI 3.0's flags."""
    bounds: JSONObject = {}
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in node:
            bounds |= {inclusive: node[exclusive], exclusive: True}
    return bounds
