"""The state directory on file systems that flush no folders."""

import errno
import os
import stat

import pytest

from collectiverun_operator.cluster.local import state_dir
from collectiverun_operator.cluster.local.state_dir import StateDir

RUN = {"metadata": {"name": "demo", "uid": "a"}}


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch):
    """Make the system answer a flush of a folder with an error, as some file systems do."""
    flush = os.fsync
    state_dir._say_unsynchronised.cache_clear()

    def with_error(number: int) -> None:
        def fsync(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(number, os.strerror(number))
            flush(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    return with_error


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF])
def test_a_folder_that_can_not_be_flushed_is_used_and_told_once(tmp_path, refuse, caplog, number):
    refuse(number)
    directory = StateDir.open(tmp_path / "run")
    for generation in range(3):
        directory.write_run(RUN | {"spec": {"generation": generation}})
        directory.write_job("job", {"generation": generation})
    directory.remove_job("job")
    assert directory.read_run() == RUN | {"spec": {"generation": 2}}
    assert directory.read_jobs() == []
    directory.close()
    assert [os.strerror(number) in message for message in caplog.messages] == [True]


def test_an_error_of_the_disk_is_not_hidden(tmp_path, refuse):
    refuse(errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        StateDir.open(tmp_path / "run")
