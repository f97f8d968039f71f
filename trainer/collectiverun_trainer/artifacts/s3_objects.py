"""Objects of an S3 server, by few kinds of requests: GET, PUT, LIST, DELETE, and uploads in parts.

No HEAD is asked, nor what of s3fs rests on it: its answer has no body, so it tells neither why it was refused
nor whether the store or a proxy in front of it answered. Only the store's own words tell that one is missing.
"""

from __future__ import annotations

import errno
import logging
import mimetypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from collectiverun_trainer.artifacts import s3_options
from collectiverun_trainer.artifacts.storage_faults import MissingObject, is_missing_code, server_code
from collectiverun_trainer.config import ANY_BUCKET
from collectiverun_trainer.errors import InvalidConfiguration

_PLAIN_TYPE = "application/octet-stream"
# Those that Python knows by itself: what /etc/mime.types holds differs from machine to machine.
_TYPES = mimetypes.MimeTypes()
_TYPES.add_type("application/x-ndjson", ".jsonl")
_logger = logging.getLogger(__name__)


class Place(NamedTuple):
    """Bucket and key of a URI."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Place:
        """Raises InvalidConfiguration if no server could have such a bucket."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not ANY_BUCKET.allows(bucket):
            raise InvalidConfiguration(f"{bucket!r} {ANY_BUCKET.advice}; correct storage.uri {uri!r}.")
        return cls(bucket, key.rstrip("/"))

    @property
    def prefix(self) -> str:
        """What the keys of all objects below it start with."""
        return f"{self.key}/" if self.key else ""


class S3Objects:
    """Reads and writes objects at `s3://` URIs through an s3fs file system."""

    def __init__(self, filesystem: Any, retry_seconds: float) -> None:
        self._filesystem = filesystem
        self._retry_seconds = retry_seconds

    def read(self, uri: str) -> bytes:
        """Whole content, by one request: ranges of an object that is replaced meanwhile would be mixed.

        Raises MissingObject if there is none.
        """
        Place.of(uri)
        try:
            with _own_words(uri):
                content: bytes = self._filesystem.cat_file(uri, max_concurrency=1)
                return content
        except PermissionError as error:
            if self._is_missing(uri):
                raise MissingObject(uri) from error
            raise

    def write(self, uri: str, data: bytes) -> None:
        """Write an object, a large one in parts; visible once all of it is there."""
        Place.of(uri)
        with _own_words(uri):
            self._filesystem.pipe_file(
                uri,
                data,
                ContentType=_content_type(uri),
                # aiohttp's read timeout does not run while a body is sent, and a server may stop taking it.
                timeout=s3_options.write_seconds(len(data), self._retry_seconds),
            )

    def exists(self, uri: str) -> bool:
        """Whether there is an object, or anything below the URI."""
        bucket, key = place = Place.of(uri)
        with _own_words(uri):
            found = {name for page in self._pages(bucket, key) for name in _keys(page) + _folders(page)}
        return not key or not found.isdisjoint((key, place.prefix))

    def names(self, uri: str) -> list[str]:
        """Names right below. Raises MissingObject if the server knows no such key."""
        bucket, prefix = (place := Place.of(uri)).bucket, place.prefix
        with _own_words(uri):
            found = [key for page in self._pages(bucket, prefix) for key in _keys(page) + _folders(page)]
        # Some servers keep an object "prefix/" that stands for the prefix itself.
        return [key.removeprefix(prefix).rstrip("/") for key in found if key != prefix]

    def delete_tree(self, uri: str) -> None:
        """Remove the object and all below it."""
        bucket, key = place = Place.of(uri)
        with _own_words(uri):
            listed = [found for page in self._pages(bucket, key, delimiter="") for found in _keys(page)]
        own = [found for found in listed if found == key or found.startswith(place.prefix)]
        # Some servers list an emptied folder until the object "folder/" is removed, too.
        for doomed in (*own, *_folders_of(place, own)):
            with suppress(MissingObject), _own_words(uri):
                self._filesystem.call_s3("delete_object", Bucket=bucket, Key=doomed)

    def abort_uploads(self, uri: str, is_own: Callable[[str], bool]) -> None:
        """Remove the parts of uploads below the URI that were never completed, if `is_own(name below)`."""
        bucket, prefix = (place := Place.of(uri)).bucket, place.prefix
        for upload in self._uploads(bucket, prefix):
            if is_own(upload["Key"].removeprefix(prefix)):
                where = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                self._filesystem.call_s3("abort_multipart_upload", **where)

    def _is_missing(self, uri: str) -> bool:
        """Whether a listing shows that there is none: who may not list all of a bucket is only refused."""
        bucket, key = Place.of(uri)
        try:
            return all(key not in _keys(page) for page in self._pages(bucket, key))
        except PermissionError:
            return False

    def _pages(self, bucket: str, prefix: str, delimiter: str = "/") -> Iterator[dict[str, Any]]:
        """Pages of a listing. Raises OSError for an answer that is none: an empty one proves nothing."""
        request = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter}
        while True:
            page = self._filesystem.call_s3("list_objects_v2", **request)
            if page.get("IsTruncated") is not False and "NextContinuationToken" not in page:
                raise OSError(errno.EIO, f"the answer to a listing of {bucket}/{prefix} is no listing")
            yield page
            if not page["IsTruncated"]:
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def _uploads(self, bucket: str, prefix: str) -> list[dict[str, Any]]:
        request, uploads = {"Bucket": bucket, "Prefix": prefix}, []
        while True:
            page = self._filesystem.call_s3("list_multipart_uploads", **request)
            uploads += page.get("Uploads", [])
            if not page.get("NextKeyMarker"):
                return uploads
            request |= {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


@contextmanager
def _own_words(uri: str) -> Iterator[None]:
    """MissingObject where the store's own answer says so, and only there."""
    try:
        yield
    except FileNotFoundError as error:
        if is_missing_code(server_code(error)):
            raise MissingObject(uri) from error
        if server_code(error) is None:  # no server was asked: the client misses a file of its own
            raise InvalidConfiguration(
                f"The S3 client needs a file that is not there to reach {uri} ({error}); "
                "check the AWS_* variables."
            ) from error
        raise


def _content_type(uri: str) -> str:
    """By the extension, so that a browser shows a report instead of saving it."""
    return _TYPES.guess_type(uri)[0] or _PLAIN_TYPE


def _keys(page: dict[str, Any]) -> list[str]:
    return [entry["Key"] for entry in page.get("Contents", [])]


def _folders(page: dict[str, Any]) -> list[str]:
    return [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]


def _folders_of(place: Place, keys: list[str]) -> list[str]:
    """The folder and those of objects below it, inner ones first."""
    parents = {f"{parent}/" for key in keys for parent in PurePosixPath(key).parents}
    below = {parent for parent in parents if parent.startswith(place.prefix)}
    return sorted(below | {place.prefix}, key=len, reverse=True)
