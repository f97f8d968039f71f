"""Objects that are files: written beside their place, flushed, renamed."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from collectiverun_trainer.artifacts.storage_faults import MissingObject

PARTIAL_SUFFIX = ".partial"

# What shared folders and some FUSE and SMB file systems answer when a folder is to be flushed. An error of
# input or output, or a full disk, is not among them.
_CANNOT_FLUSH = frozenset(
    {
        errno.EINVAL,
        errno.ENOTSUP,
        errno.ENOSYS,
        errno.ENOTTY,
        errno.EBADF,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
    }
)
_said_of: set[int] = set()
_logger = logging.getLogger(__name__)


class Files:
    """Reads and writes objects at `file://` URIs."""

    def read(self, uri: str) -> bytes:
        """Whole content. Raises MissingObject if there is none."""
        try:
            with _missing(uri):
                return _path(uri).read_bytes()
        except (IsADirectoryError, NotADirectoryError) as error:
            raise MissingObject(uri) from error  # as on S3, where a prefix is no object

    def write(self, uri: str, data: bytes) -> None:
        """Write beside the target, flush to the disk, rename; fsspec's own local files do not."""
        path = _path(uri)
        _make_folder(path.parent)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")
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

    def exists(self, uri: str) -> bool:
        """Whether there is a file or folder."""
        return _path(uri).exists()

    def names(self, uri: str) -> list[str]:
        """Names of files and folders in a folder, without unfinished ones. Raises MissingObject."""
        try:
            with _missing(uri):
                return [path.name for path in _path(uri).iterdir() if path.suffix != PARTIAL_SUFFIX]
        except NotADirectoryError:
            return []

    def delete_tree(self, uri: str) -> None:
        """Remove a file, or a folder with all that is in it; a missing one is fine."""
        path = _path(uri)
        with contextlib.suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def abort_uploads(self, uri: str, is_own: Callable[[str], bool]) -> None:
        """Nothing: a file that was cut off is replaced by its next writer, and never listed."""


def _path(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:
        if not Path(error.filename).parent.is_dir():
            raise  # somebody removes it at this moment
        # So answer /proc and its like, whose folders are made by the system alone.
        why = "no folder can be made there"
        raise PermissionError(errno.EPERM, why, error.filename) from error


@contextlib.contextmanager
def _missing(uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise MissingObject(uri) from error


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power failure, where the file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
        _say_unflushed(folder, error)


def _say_unflushed(folder: Path, error: OSError) -> None:
    """Once for each file system."""
    device = folder.stat().st_dev
    if device not in _said_of:
        _said_of.add(device)
        _logger.warning(
            "The file system of %s can't flush a folder (%s): files written there are whole, but the last "
            "of them may be gone after a power failure.",
            folder,
            error,
        )
