"""Reads a run file: one YAML or JSON mapping, from a path or from standard input.

It only finds the document; `api/run.py` validates it. Two things are read as kubectl does and PyYAML does
not: `1e-3` is a number, and a repeated key is an error.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from collectiverun_operator.api.phases import REUSABLE
from collectiverun_operator.errors import CollectiveRunError

SIZE_LIMIT_BYTES = 1 << 20
NODE_LIMIT = 100_000
_STORAGE_FIELDS = (
    ("spec", "storage", "uri"),
    *(("spec", "phases", phase.name, "from") for phase in REUSABLE),
)
_FILE_SCHEME = "file://"
_RELATIVE = re.compile(r"\.{1,2}(/|$)")
_URI_PARTS = re.compile(r"(?:([a-z0-9]+):(?://)?)?(.*)", re.DOTALL)
_REFUSED = re.compile(r"[\s?#]+")


class UnreadableRunFileError(CollectiveRunError):
    """The source does not hold exactly one document; the text says why and what to do."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's floats and without repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if isinstance(key, str) and key in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            keys.add(key if isinstance(key, str) else id(key_node))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read_run_file(source: str) -> Any:
    """The document in the file `source`, or on standard input for `-`. Raises UnreadableRunFileError."""
    name = "standard input" if source == "-" else source
    text = _decode(_read(source, name), name)
    if not text.strip():
        raise UnreadableRunFileError(f"{name} is empty; write a CollectiveRun, see examples/")
    try:
        return _only_document(text, name)
    except yaml.YAMLError as error:
        raise UnreadableRunFileError(f"{name} is not YAML: {_yaml_sentence(error)}") from None
    except RecursionError:
        raise UnreadableRunFileError(f"{name} is nested too deep to be a run") from None


def _read(source: str, name: str) -> bytes:
    if source == "-" and sys.stdin is None:
        raise UnreadableRunFileError(f"{name} is closed; give the path of a run file")
    try:
        with sys.stdin.buffer if source == "-" else Path(source).open("rb") as file:
            content = file.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        raise UnreadableRunFileError(
            f"{name} can't be read: {error.strerror}; give the path of a run file"
        ) from None
    if len(content) > SIZE_LIMIT_BYTES:
        raise UnreadableRunFileError(f"{name} is larger than {SIZE_LIMIT_BYTES} bytes; that is no run file")
    return content


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableRunFileError(f"{name} is not UTF-8 text: byte {error.start} can't be read") from None


def _only_document(text: str, name: str) -> Any:
    nodes = [node for node in yaml.compose_all(text, Loader=_Loader) if not _is_empty(node)]
    if not nodes:
        raise UnreadableRunFileError(f"{name} holds only comments; write a CollectiveRun, see examples/")
    if len(nodes) > 1:
        raise UnreadableRunFileError(
            f"{name} holds {len(nodes)} documents (split by '---'); put each run in a file of its own"
        )
    if _size(nodes[0], {}) > NODE_LIMIT:
        raise UnreadableRunFileError(f"{name} unfolds to over {NODE_LIMIT} values; write it without aliases")
    loader = _Loader("")
    try:
        return loader.construct_document(nodes[0])
    finally:
        loader.dispose()


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null" and not node.value


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Number of values a node expands to, counting every use of an alias; unbounded for a cycle."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = NODE_LIMIT + 1
        children = [child for pair in node.value for child in (pair if isinstance(pair, tuple) else (pair,))]
        sizes[id(node)] = 1 + sum(_size(child, sizes) for child in children)
    return sizes[id(node)]


def _yaml_sentence(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    problem = error.problem or error.context or "it can't be parsed"
    if "cannot start any token" in problem and "'\\t'" in problem:
        problem = "a tab is not allowed here; indent with spaces"
    mark = error.problem_mark or error.context_mark
    return problem if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def folder_of(source: str) -> Path:
    """The folder a relative one is meant from: the run file's own; of standard input or a pipe this one."""
    return Path(source).absolute().parent if Path(source).is_file() else Path.cwd()


def with_absolute_paths(document: Any, folder: Path) -> Any:
    """The document with every relative path made absolute below `folder`.

    These are `file://./…` and `file://../…` in `storage.uri` and the addresses of earlier runs, and the paths
    of `robotModels`. Anything else, malformed documents too, is returned as it is.
    """
    for path in _STORAGE_FIELDS:
        document = _with_absolute(document, path, folder)
    return _with_absolute_models(document, folder)


def _with_absolute_models(document: Any, folder: Path) -> Any:
    spec = document.get("spec") if isinstance(document, dict) else None
    models = spec.get("robotModels") if isinstance(spec, dict) else None
    if not isinstance(models, list):
        return document
    absolute = [_with_absolute_model(model, folder) for model in models]
    return {**document, "spec": {**document["spec"], "robotModels": absolute}}


def _with_absolute_model(model: Any, folder: Path) -> Any:
    path = model.get("path") if isinstance(model, dict) else None
    if not isinstance(path, str) or not path:
        return model
    return {**model, "path": Path(folder, Path(path).expanduser()).resolve().as_posix()}


def _with_absolute(document: Any, keys: Sequence[str], folder: Path) -> Any:
    if keys:
        if not isinstance(document, dict) or keys[0] not in document:
            return document
        return {**document, keys[0]: _with_absolute(document[keys[0]], keys[1:], folder)}
    path = document.removeprefix(_FILE_SCHEME) if isinstance(document, str) else ""
    if not _RELATIVE.match(path) or path == document:
        return document
    return f"{_FILE_SCHEME}{Path(folder, path).resolve().as_posix()}"


def spellings_of_storage(document: Any) -> dict[str, str]:
    """How addresses in storage were probably meant, as they may be written on this machine, by their field.

    Those of which that is unknown, or which are fine, are left out.
    """
    read = {".".join(keys): _spelling(_text_at(document, keys)) for keys in _STORAGE_FIELDS}
    return {path: spelled for path, spelled in read.items() if spelled}


def _spelling(uri: str) -> str:
    scheme, path = _URI_PARTS.findall(uri.strip())[0]
    path = _REFUSED.sub("-", path)
    if path.startswith("~/"):
        path = f"{Path.home().as_posix()}{path[1:]}"
    if not path.strip("/") or scheme not in ("", "file", "s3"):
        return ""
    if scheme == "s3":
        spelled = f"s3://{path}"
    elif path.startswith("/"):
        spelled = f"{_FILE_SCHEME}/{posixpath.normpath(path).lstrip('/')}"
    else:
        spelled = f"{_FILE_SCHEME}./{posixpath.normpath(path)}"
    return "" if spelled == uri else spelled


def _text_at(document: Any, keys: Sequence[str]) -> str:
    """The text at a path; empty where the document has none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, str) else ""
