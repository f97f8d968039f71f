"""CEL rules of `spec.storage`, with the same sentences as the operator's own validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collectiverun_operator.api.storage import BESIDE_THE_FILE, NEEDS_A_PLACE
from collectiverun_operator.api.validation import NEEDS_CREDENTIALS
from collectiverun_operator.manifests.rules import REQUIRED, Rule
from collectiverun_trainer.config import ANY_BUCKET, AWS_BUCKET, ENDPOINT, HIDDEN_USER

_URI = {"uri": "self.uri"}


def storage_rules() -> Mapping[str, tuple[Rule, ...]]:
    """The rules by the path of the object that they belong to."""
    return {
        "spec.storage": (*_uri_rules(), *_bucket_rules(), *_directory_rules(), *_access_rules()),
        "spec.storage.credentials": (
            Rule(
                "",
                "has(self.secretRef) != has(self.serviceAccountName)",
                "give exactly one of secretRef and serviceAccountName",
            ),
        ),
    }


def _uri_rules() -> Iterator[Rule]:
    yield Rule(
        "uri",
        r"!self.uri.matches(r'[\s?#]')",
        "'{uri}' must not contain spaces, '?' or '#'",
        _URI,
    )
    yield Rule(
        "uri",
        # The schema refuses an empty URI.
        "self.uri == '' || self.uri.startsWith('s3://') || self.uri.startsWith('file://')",
        "'{uri}' does not start with s3:// or file://, the two kinds of storage there are",
        _URI,
    )


def _bucket_rules() -> Iterator[Rule]:
    yield Rule(
        "uri",
        "!self.uri.startsWith('s3://') || self.uri.matches('^s3://[^/]')",
        "'{uri}' names no bucket; write s3://bucket/prefix",
        _URI,
    )
    bucket = {"bucket": "self.uri.split('/')[2]"}
    is_any = f"self.uri.matches('^s3://{ANY_BUCKET.pattern}(/.*)?$')"
    yield Rule(
        "uri", f"!self.uri.matches('^s3://[^/]') || {is_any}", f"'{{bucket}}' {ANY_BUCKET.advice}", bucket
    )
    yield Rule(
        "uri",
        f"has(self.endpoint) || !{is_any} || self.uri.matches('^s3://{AWS_BUCKET.pattern}(/.*)?$')",
        f"'{{bucket}}' {AWS_BUCKET.advice}",
        bucket,
    )


def _directory_rules() -> Iterator[Rule]:
    is_beside = f"self.uri.matches('{BESIDE_THE_FILE}')"
    yield Rule("uri", f"!{is_beside}", f"'{{uri}}' {NEEDS_A_PLACE}", _URI)
    yield Rule(
        "uri",
        f"!self.uri.startsWith('file://') || self.uri.startsWith('file:///') || {is_beside}",
        "'{uri}' is not an absolute path; write file:///directory with three slashes",
        _URI,
    )
    yield Rule(
        "uri",
        "!self.uri.startsWith('file:///') || !self.uri.matches('/[.][.](/|$)')",
        "'{uri}' must not contain '..'",
        _URI,
    )
    yield Rule(
        "uri",
        "!self.uri.startsWith('file:///') || self.uri.matches('^file:///.*[^/]')",
        "'{uri}' names no directory; write file:///directory",
        _URI,
    )


def _access_rules() -> Iterator[Rule]:
    yield Rule(
        "endpoint",
        f"!has(self.endpoint) || self.endpoint.matches(r'^{ENDPOINT.pattern}$')",
        f"'{{endpoint}}' {ENDPOINT.advice}",
        {"endpoint": f"(self.endpoint.contains('@') ? '{HIDDEN_USER}' : self.endpoint)"},
    )
    yield Rule(
        "credentials",
        "!self.uri.startsWith('s3://') || has(self.credentials)",
        NEEDS_CREDENTIALS,
        reason=REQUIRED,
    )
