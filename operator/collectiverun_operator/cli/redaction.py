"""Takes credentials out of what is written for others. Pure.

Three ways, each for what the others miss: where a document may hold secrets (variables, annotations, Pod
templates) only what is known to be harmless is kept; what is known to be secret is hidden wherever it stands;
and what has the form of a credential is hidden in every text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

HIDDEN: Final = "(hidden)"
# As it is, in a URL, in a line of JSON.
_SPELLINGS: Final[tuple[Callable[[str], str], ...]] = (
    str,
    lambda secret: quote(secret, safe=""),
    lambda secret: json.dumps(secret)[1:-1],
)
_SHORTEST: Final = 6  # shorter values stand in every text by chance, as "true" and "false" do

_WORDS: Final = (
    r"secret|token|passw|passphrase|credential|signature|api_?-?key|access_?-?key|private_?-?key|auth"
)
_SENSITIVE: Final = re.compile(_WORDS, re.IGNORECASE)
# Of variables only: `_KEY` at the end of a name in capitals.
_SENSITIVE_VARIABLE: Final = re.compile(rf"{_WORDS}|_key$|^aws_(?!.*region|endpoint)", re.IGNORECASE)
_NAMED: Final = rf"(?:{_WORDS})[\w.-]{{0,40}}"  # bounded: a log may be one word of a megabyte
_QUOTE: Final = r"(?:\\*[\"'])?"
_FORMS: Final = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|\Z)", re.DOTALL), HIDDEN),
    # One whose beginning was cut off.
    (re.compile(r"\A.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), HIDDEN),
    (re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,20}://)[^\s/@\"']+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w+/=.~-]{12,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),  # a JSON Web Token
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\b(?:gh[a-z]|hf|github_pat|glpat|xox[a-z])[_-]\w{16,}"), HIDDEN),
    # name=value, name: value, "name": "value", --name value
    (
        re.compile(
            rf"({_NAMED}{_QUOTE}\s*[:=]\s*{_QUOTE}|--[\w-]{{0,40}}{_NAMED}\s)"
            r"(?!\(hidden\)|(?:Bearer|Basic)\b)[^\s\\\"',;&}\]]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)  # fmt: skip
# Fields of a Pod template whose words are no secrets: names, places and amounts.
_HARMLESS: Final = frozenset(
    [
        "claimName",
        "configMapName",
        "cpu",
        "effect",
        "ephemeral-storage",
        "fieldPath",
        "image",
        "imagePullPolicy",
        "key",
        "medium",
        "memory",
        "mountPath",
        "name",
        "nvidia.com/gpu",
        "operator",
        "path",
        "priorityClassName",
        "restartPolicy",
        "runtimeClassName",
        "schedulerName",
        "secretName",
        "serviceAccountName",
        "sizeLimit",
        "subPath",
        "topologyKey",
        "type",
        "whenUnsatisfiable",
    ]
)


class Redactor:
    """Hides these secrets, and what has the form of one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        long = {secret for secret in secrets if len(secret) >= _SHORTEST}
        spelled = {way(secret) for secret in long for way in _SPELLINGS}
        ordered = sorted(spelled, key=len, reverse=True)  # one may be the start of another
        self._known = re.compile("|".join(map(re.escape, ordered)) or r"(?!)")

    def text(self, text: str) -> str:
        """The text without credentials."""
        hidden = self._known.sub(HIDDEN, text)
        for form, instead in _FORMS:
            hidden = form.sub(instead, hidden)
        return hidden

    def document(self, value: Any) -> Any:
        """A JSON document without credentials; its fields stay, so that what was set can be seen."""
        if isinstance(value, Mapping):
            return {key: self._field(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.document(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def _field(self, key: str, value: Any) -> Any:
        if key == "annotations" or (key == "env" and isinstance(value, list)):
            return self._template(value)
        if key == "podTemplate":
            return self._template(value)
        if isinstance(value, str) and value and _SENSITIVE.search(key):
            return HIDDEN
        return self.document(value)

    def _template(self, value: Any, key: str = "") -> Any:
        """A part of a Pod template: fields, numbers and flags; of words those known to be harmless."""
        if isinstance(value, Mapping):
            return {name: self._template(inner, str(name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._template(inner, key) for inner in value]
        if not isinstance(value, str) or value == "":
            return value
        return self.text(value) if key in _HARMLESS else HIDDEN


def secrets_of(spec: Any, made: Any, environment: Mapping[str, str], credentials: str = "") -> Iterator[str]:
    """What is known to be secret, so that it can be hidden in logs too.

    Args:
        spec: the run's; every variable that its Pod templates set.
        made: Jobs and Pods; of their variables those whose names say so.
        environment: this process's; the same.
        credentials: content of an AWS credentials file; its keys and tokens.
    """
    yield from (value for _, value in _variables(spec))
    named = [*_variables(made), *environment.items()]
    yield from (value for name, value in named if _SENSITIVE_VARIABLE.search(name))
    for line in credentials.splitlines():
        name, _, value = line.partition("=")
        if "key" in name or "token" in name:
            yield value.strip()


def _variables(value: Any) -> Iterator[tuple[str, str]]:
    """Name and value of every variable in a document."""
    if isinstance(value, Mapping):
        variables = value.get("env")
        for one in variables if isinstance(variables, list) else ():
            if isinstance(one, Mapping) and isinstance(one.get("value"), str):
                yield str(one.get("name")), one["value"]
        for inner in value.values():
            yield from _variables(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _variables(inner)
