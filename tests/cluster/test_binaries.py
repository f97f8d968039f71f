"""Where the binaries of a control plane are looked for, and what is said where they are not."""

import pytest
from cluster import binaries
from cluster.binaries import CONTROL_PLANE, MissingBinaryError, control_plane_binaries


def make(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """No binaries anywhere but what a test puts there."""
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("PATH", str(make(tmp_path / "path")))
    monkeypatch.setattr(binaries, "BUILT", tmp_path / "cache" / "built")
    monkeypatch.setattr(binaries, "CACHE", tmp_path / "cache")
    return tmp_path


def test_the_folder_a_person_names_comes_first(bare_machine, monkeypatch):
    named = make(bare_machine / "named", *CONTROL_PLANE)
    make(bare_machine / "path", *CONTROL_PLANE)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(named))
    found = control_plane_binaries()
    assert (found.etcd, found.servers) == (named / "etcd", named)


def test_a_named_folder_without_a_server_is_an_error_that_names_it(bare_machine, monkeypatch):
    named = make(bare_machine / "named", "etcd", "kube-apiserver")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(named))
    with pytest.raises(MissingBinaryError, match=r"no kube-controller-manager, kube-scheduler"):
        control_plane_binaries()


def test_binaries_on_path_come_before_built_ones(bare_machine):
    make(bare_machine / "cache")
    make(bare_machine / "cache" / "built", *CONTROL_PLANE)
    on_path = make(bare_machine / "path", *CONTROL_PLANE)
    assert control_plane_binaries().servers == on_path


def test_one_server_alone_on_path_is_not_mixed_with_others(bare_machine):
    make(bare_machine / "cache")
    built = make(bare_machine / "cache" / "built", *CONTROL_PLANE)
    make(bare_machine / "path", "kube-apiserver")
    assert control_plane_binaries().servers == built


def test_servers_without_an_etcd_say_what_to_install(bare_machine):
    make(bare_machine / "path", *binaries.SERVERS)
    with pytest.raises(MissingBinaryError, match="etcd-server"):
        control_plane_binaries()


def test_where_nothing_can_be_built_it_is_said_in_a_sentence(bare_machine, monkeypatch, tmp_path, capfd):
    script = tmp_path / "build.sh"
    script.write_text("echo 'Kubernetes can not be built: no Debian.' >&2; exit 1\n")
    monkeypatch.setattr(binaries, "_SCRIPT", script)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(MissingBinaryError, match="could not be built"):
        control_plane_binaries()
    assert "no Debian" in capfd.readouterr().err
