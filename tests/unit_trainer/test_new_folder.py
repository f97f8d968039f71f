"""A folder that a command writes is whole, or not there."""

from pathlib import Path

import pytest

from collectiverun_trainer.commands.new_folder import new_folder
from collectiverun_trainer.errors import InputInvalid, Usage


def write(folder):
    (folder / "part").mkdir()
    (folder / "part/one").write_text("1")
    (folder / "two").write_text("2")


@pytest.fixture(params=["new", "below/new", "there", "link", "."])
def output(request, tmp_path, monkeypatch):
    """A folder as users name them: new, empty, a link to one, the one they are in."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    monkeypatch.chdir(tmp_path / "empty" if request.param == "." else tmp_path)
    return request.param


def names(output):
    return sorted(path.name for path in Path(output).iterdir()) if Path(output).exists() else None


def test_all_of_it_is_there_at_the_end_and_nothing_else(output):
    with new_folder(output) as folder:
        write(folder)
        assert not {"part", "two"} & set(names(output))
    assert names(output) == ["part", "two"]
    assert Path(output, "part/one").read_text() == "1"


@pytest.mark.parametrize("fault", [InputInvalid("it acts otherwise"), KeyboardInterrupt()])
def test_a_fault_leaves_what_there_was(output, fault):
    before = names(output)
    with pytest.raises(type(fault)), new_folder(output) as folder:
        write(folder)
        raise fault
    assert names(output) == before


def test_a_folder_that_can_not_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(Usage, match="file/new can't be written: Not a directory"),
        new_folder(f"{tmp_path}/file/new"),
    ):
        pass


def test_a_link_to_nothing_is_told(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(Usage, match="link can't be written: File exists"), new_folder(f"{tmp_path}/link"):
        pass


def test_a_disk_that_is_full_is_told(tmp_path):
    with (
        pytest.raises(Usage, match="new can't be written: No space left"),
        new_folder(f"{tmp_path}/new"),
    ):
        Path("/dev/full").write_text("1")
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_write_one_folder_the_second_is_refused_and_the_first_is_whole(tmp_path):
    output = str(tmp_path / "new")
    with new_folder(output) as first:
        write(first)
        with pytest.raises(Usage, match=r"new/\.unfinished is there already: another command"):
            new_folder(output).__enter__()
    assert names(output) == ["part", "two"]


def test_what_came_into_the_folder_meanwhile_is_kept(tmp_path):
    (tmp_path / "two").write_text("theirs")
    with pytest.raises(Usage, match="is no empty folder any more; name a new one"), new_folder(str(tmp_path)):
        pass
    assert names(tmp_path) == ["two"]
    assert (tmp_path / "two").read_text() == "theirs"
