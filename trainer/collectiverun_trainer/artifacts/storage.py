"""Objects at `file://`, `memory://` and `s3://` URIs: the only module that imports fsspec.

A write is atomic: a reader sees all of an object or none of it. Transient faults are retried with jittered
back-off for minutes; permanent ones raise at once. Nothing is cached.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import fsspec
import tenacity

from collectiverun_trainer.artifacts import s3_environment, s3_options, storage_faults
from collectiverun_trainer.artifacts.files import Files
from collectiverun_trainer.artifacts.s3_objects import S3Objects
from collectiverun_trainer.artifacts.storage_faults import MissingObject
from collectiverun_trainer.errors import InvalidConfiguration, StorageUnavailable
from collectiverun_trainer.order import StorageOptions

RETRY_SECONDS_VARIABLE: Final = "COLLECTIVERUN_STORAGE_RETRY_SECONDS"
DEFAULT_RETRY_SECONDS: Final = 300.0
SCHEMES: Final = ("file", "memory", "s3")

_T = TypeVar("_T")
_Names = list[str]  # inside the class, `list` is its method
_logger = logging.getLogger(__name__)


def join(uri: str, *parts: str) -> str:
    """URI of something below `uri`.

    Raises:
        ValueError: if a part is empty or would lead out of `uri`.
    """
    for part in parts:
        if any(step in ("", ".", "..") for step in part.split("/")):
            raise ValueError(f"{part!r} is not the name of anything below {uri}.")
    return "/".join((f"{uri}".rstrip("/"), *parts))  # a Path, too, is refused by name in `_scheme`


class _Objects(Protocol):
    """Objects of one kind of storage. What is missing raises MissingObject, in `read` and `names`."""

    def read(self, uri: str) -> bytes: ...
    def write(self, uri: str, data: bytes) -> None: ...
    def exists(self, uri: str) -> bool: ...
    def names(self, uri: str) -> list[str]: ...
    def delete_tree(self, uri: str) -> None: ...
    def abort_uploads(self, uri: str, is_own: Callable[[str], bool]) -> None: ...


class Storage:
    """Reads and writes whole objects by URI. Nothing is missing but what the store itself says is.

    Every method raises StorageRefused at once when access is refused, the bucket does not exist or the URI
    cannot be served, and StorageUnavailable when storage failed for `retry_seconds`.
    """

    def __init__(self, options: StorageOptions, retry_seconds: float | None = None) -> None:
        self._options = options
        self._retry_seconds = _retry_seconds_of_environment() if retry_seconds is None else retry_seconds
        self._objects: dict[str, _Objects] = {}

    def read(self, uri: str) -> bytes:
        """Whole content of an object. Raises FileNotFoundError if there is none."""
        return self._retried(uri, lambda: self._of(uri).read(uri))

    def write(self, uri: str, data: bytes) -> None:
        """Write an object atomically, replacing one that is there."""
        self._retried(uri, lambda: self._of(uri).write(uri, data))

    def exists(self, uri: str) -> bool:
        """Whether there is an object, or anything below the URI."""
        return self._retried(uri, lambda: self._of(uri).exists(uri))

    def list(self, uri: str) -> list[str]:
        """Names directly below `uri`, sorted; empty if there is nothing."""
        try:
            return sorted(set(self._retried(uri, lambda: self._of(uri).names(uri))))
        except FileNotFoundError:
            return []

    def delete_tree(self, uri: str) -> None:
        """Remove the object at `uri` and everything below it; a missing one is fine."""
        self._retried(uri, lambda: self._of(uri).delete_tree(uri))

    def abort_uploads(self, uri: str, is_own: Callable[[str], bool]) -> None:
        """Free what uploads in parts hold that a kill cut off, below `uri` and if `is_own(name below uri)`.

        Tried once: not every store has such a request, or gives the right to it, and no run depends on it.
        """
        try:
            self._of(uri).abort_uploads(uri, is_own)
        except Exception as error:
            if not storage_faults.is_fault(error):
                raise
            words = storage_faults.words(error)
            _logger.info("Uploads that were cut off stay in storage, see docs/storage.md: %s.", words)

    def _of(self, uri: str) -> _Objects:
        scheme = _scheme(uri)
        if scheme not in self._objects:
            self._objects[scheme] = self._new_objects(scheme)
        return self._objects[scheme]

    def _new_objects(self, scheme: str) -> _Objects:
        if scheme == "file":
            return Files()
        if scheme == "memory":
            return _Memory()
        s3_environment.check()
        arguments = s3_options.arguments(self._options, self._retry_seconds)
        filesystem = fsspec.filesystem("s3", skip_instance_cache=True, **arguments)
        # botocore retries a request, tenacity the operation; retries of s3fs too would multiply.
        filesystem.retries = 1
        return S3Objects(filesystem, self._retry_seconds)

    def _retried(self, uri: str, operation: Callable[[], _T]) -> _T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(storage_faults.is_transient),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=15),
            stop=tenacity.stop_after_delay(self._retry_seconds),
            before_sleep=functools.partial(self._before_retry, uri),
            reraise=True,
        )
        try:
            result = retrying(operation)
        except Exception as error:
            if isinstance(error, MissingObject) or not storage_faults.is_fault(error):
                raise
            raise storage_faults.permanent_fault(error, uri) or StorageUnavailable(
                f"Storage failed for {self._retry_seconds:g} seconds at {uri}{_server(self._options)}: "
                f"{storage_faults.words(error)}."
            ) from error
        if retrying.statistics["attempt_number"] > 1:
            _logger.info("Storage works again at %s.", uri)
        return result

    def _before_retry(self, uri: str, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        words = storage_faults.words(error)
        # The same text each time: it gets into the run's status, which is written when it changes.
        text = "Storage failed at %s: %s; it is tried again for up to %g s."
        _logger.warning(text, uri, words, self._retry_seconds, extra={"retrying": True})
        if storage_faults.lacks_credentials(error):
            self._objects.pop("s3", None)  # a client that found none never looks again


def _server(options: StorageOptions) -> str:
    return f" (endpoint {options.endpoint})" if options.endpoint else ""


def _retry_seconds_of_environment() -> float:
    text = os.environ.get(RETRY_SECONDS_VARIABLE, str(DEFAULT_RETRY_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise InvalidConfiguration(
            f"{RETRY_SECONDS_VARIABLE} is {text!r}; give a number of seconds, 0 or more."
        )
    return seconds


def _scheme(uri: str) -> str:
    scheme, separator, rest = f"{uri}".partition("://")
    if not separator or scheme not in SCHEMES:
        raise InvalidConfiguration(f"'{uri}' is not a storage URI; use s3://bucket/path or file:///path.")
    if not rest.strip("/") or (scheme == "file" and not rest.startswith("/")):
        raise InvalidConfiguration(f"{uri!r} has no path; use s3://bucket/path or file:///absolute/path.")
    return scheme


class _Memory:
    """Objects within this process."""

    def __init__(self) -> None:
        self._filesystem = fsspec.filesystem("memory", skip_instance_cache=True)

    def read(self, uri: str) -> bytes:
        try:
            return bytes(self._filesystem.cat_file(uri))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise MissingObject(uri) from error

    def write(self, uri: str, data: bytes) -> None:
        self._filesystem.pipe_file(uri, data)

    def exists(self, uri: str) -> bool:
        return bool(self._filesystem.exists(uri))

    def names(self, uri: str) -> list[str]:
        try:
            listed: Any = self._filesystem.ls(uri, detail=False)
        except FileNotFoundError as error:
            raise MissingObject(uri) from error
        own = str(self._filesystem._strip_protocol(uri)).rstrip("/")
        return [str(name).rstrip("/").rsplit("/", 1)[-1] for name in listed if name != own]

    def delete_tree(self, uri: str) -> None:
        if self._filesystem.exists(uri):
            self._filesystem.rm(uri, recursive=True)

    def abort_uploads(self, uri: str, is_own: Callable[[str], bool]) -> None:
        """Nothing: there are no uploads in parts."""
