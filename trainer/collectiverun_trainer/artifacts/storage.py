"""Objects at `file://`, `memory://` and `s3://` URIs: the only module that imports fsspec.

A write is atomic: a reader sees all of an object or none of it. Transient faults are retried with jittered
back-off for minutes; permanent ones raise at once. Nothing is cached.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

import fsspec
import tenacity

from collectiverun_trainer.artifacts import s3_options, storage_faults
from collectiverun_trainer.errors import InvalidConfiguration, StorageUnavailable
from collectiverun_trainer.order import StorageOptions

RETRY_SECONDS_VARIABLE: Final = "COLLECTIVERUN_STORAGE_RETRY_SECONDS"
DEFAULT_RETRY_SECONDS: Final = 300.0
SCHEMES: Final = ("file", "memory", "s3")

_PARTIAL_SUFFIX = ".partial"
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
    return "/".join((uri.rstrip("/"), *parts))


class Storage:
    """Reads and writes whole objects by URI.

    Every method raises InvalidConfiguration at once when access is refused, the bucket does not exist or the
    URI cannot be served, and StorageUnavailable when storage failed for `retry_seconds`.
    """

    def __init__(self, options: StorageOptions, retry_seconds: float | None = None) -> None:
        self._options = options
        self._retry_seconds = _retry_seconds_of_environment() if retry_seconds is None else retry_seconds
        self._filesystems: dict[str, Any] = {}

    def read(self, uri: str) -> bytes:
        """Whole content of an object. Raises FileNotFoundError if there is none."""

        def read() -> bytes:
            try:
                return bytes(self._filesystem(uri).cat_file(uri))
            except (IsADirectoryError, NotADirectoryError) as error:
                raise FileNotFoundError(uri) from error  # as on S3, where a prefix is no object

        return self._retried(uri, read)

    def write(self, uri: str, data: bytes) -> None:
        """Write an object atomically, replacing one that is there."""
        self._retried(uri, functools.partial(self._write, uri, data))

    def exists(self, uri: str) -> bool:
        """Whether there is an object, or anything below the URI."""
        return self._retried(uri, lambda: bool(self._filesystem(uri).exists(uri)))

    def list(self, uri: str) -> list[str]:
        """Names directly below `uri`, sorted; empty if there is nothing."""
        try:
            return self._retried(uri, functools.partial(self._names, uri))
        except FileNotFoundError:
            return []

    def delete_tree(self, uri: str) -> None:
        """Remove the object at `uri` and everything below it; a missing one is fine."""
        self._retried(uri, functools.partial(self._delete_tree, uri))

    def _write(self, uri: str, data: bytes) -> None:
        scheme = _scheme(uri)
        filesystem = self._filesystem(uri)
        if scheme == "file":
            _write_file(_path(filesystem, uri), data)
        elif scheme == "s3":
            # aiohttp's read timeout does not run while a body is sent, and a server may stop taking it.
            filesystem.pipe_file(uri, data, timeout=s3_options.write_seconds(len(data), self._retry_seconds))
        else:
            filesystem.pipe_file(uri, data)

    def _names(self, uri: str) -> _Names:
        filesystem = self._filesystem(uri)
        own = str(filesystem._strip_protocol(uri)).rstrip("/")
        found = (str(name).rstrip("/") for name in filesystem.ls(uri, detail=False))
        # Some S3 servers keep an object "prefix/" that stands for the prefix itself.
        names = {name.rsplit("/", 1)[-1] for name in found if name != own}
        return sorted(name for name in names if not name.endswith(_PARTIAL_SUFFIX))

    def _delete_tree(self, uri: str) -> None:
        filesystem = self._filesystem(uri)
        if _scheme(uri) == "file":
            _remove(_path(filesystem, uri))
            return
        files = filesystem.find(uri)
        for path in files:
            with contextlib.suppress(FileNotFoundError):
                filesystem.rm_file(path)
        if _scheme(uri) == "s3":
            # Some servers list an emptied folder until the object "folder/" is removed, too.
            for folder in _folders(str(filesystem._strip_protocol(uri)), files):
                bucket, key, _version = filesystem.split_path(folder)
                filesystem.call_s3("delete_object", Bucket=bucket, Key=f"{key}/")

    def _filesystem(self, uri: str) -> Any:
        scheme = _scheme(uri)
        if scheme not in self._filesystems:
            arguments = s3_options.arguments(self._options, self._retry_seconds) if scheme == "s3" else {}
            self._filesystems[scheme] = fsspec.filesystem(scheme, skip_instance_cache=True, **arguments)
            if scheme == "s3":
                # botocore retries a request, tenacity the operation; retries of s3fs too would multiply.
                self._filesystems[scheme].retries = 1
        return self._filesystems[scheme]

    def _retried(self, uri: str, operation: Callable[[], _T]) -> _T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(storage_faults.is_transient),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=15),
            stop=tenacity.stop_after_delay(self._retry_seconds),
            before_sleep=functools.partial(_announce, uri),
            reraise=True,
        )
        try:
            return retrying(operation)
        except Exception as error:
            if not storage_faults.is_fault(error) or storage_faults.is_missing(error):
                raise
            raise storage_faults.permanent_fault(error, uri) or StorageUnavailable(
                f"Storage failed for {self._retry_seconds:g} seconds at {uri}{_server(self._options)}: "
                f"{_text(error)}."
            ) from error


def _announce(uri: str, state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait_seconds = state.next_action.sleep if state.next_action else 0.0
    _logger.warning("Storage failed at %s: %s; retrying in %.1f s.", uri, _text(error), wait_seconds)


def _text(error: BaseException | None) -> str:
    return (str(error) or type(error).__name__).rstrip(".")


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
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in SCHEMES:
        raise InvalidConfiguration(f"{uri!r} is not a storage URI; use s3://bucket/path or file:///path.")
    if not rest.strip("/") or (scheme == "file" and not rest.startswith("/")):
        raise InvalidConfiguration(f"{uri!r} has no path; use s3://bucket/path or file:///absolute/path.")
    return scheme


def _path(filesystem: Any, uri: str) -> Path:
    return Path(filesystem._strip_protocol(uri))


def _folders(root: str, files: list[str]) -> list[str]:
    """`root` and the folders of files below it, inner ones first."""
    parents = {str(parent) for file in files for parent in PurePosixPath(file).parents}
    return sorted({root} | {path for path in parents if path.startswith(f"{root}/")}, key=len, reverse=True)


def _write_file(path: Path, data: bytes) -> None:
    """Write beside the target, flush to the disk, rename; fsspec's own local files do not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL_SUFFIX}")
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
