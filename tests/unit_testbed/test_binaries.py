"""Where the programs of a cluster are looked for, how they are built, and the errors where they can't be."""

import shutil
import subprocess
import venv

import pytest
from testbed.programs import BuildError, binaries, building, go_toolchain, pinning
from testbed.programs.binaries import SERVERS, MissingBinaryError, control_plane_binaries
from testbed.programs.build_progress import BuildProgress
from testbed.programs.building import Recipe, built
from testbed.programs.go_toolchain import go_command

GO_MOD = """module example

go 1.24

tool example/cmd/hello

require rsc.io/quote v1.5.2 // only its version is read: nothing imports it
"""
HELLO = 'package main\n\nvar version = "unknown"\n\nfunc main() { println("hello", version) }\n'


def make(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache with nothing in it, on a machine that names no folder."""
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    folder, toolchain = make(tmp_path / "cache"), f"go-{go_toolchain._VERSION}"
    if (building.CACHE / toolchain).exists():  # brought for the servers, not once more for each test
        (folder / toolchain).symlink_to(building.CACHE / toolchain)
    monkeypatch.setattr(building, "CACHE", folder)
    return folder


@pytest.fixture
def hello(cache, monkeypatch, tmp_path):
    """A module of one small program that tells its release."""
    module = tmp_path / "modules" / "hello"
    make(module / "cmd" / "hello")
    (module / "go.mod").write_text(GO_MOD)
    (module / "cmd" / "hello" / "main.go").write_text(HELLO)
    monkeypatch.setattr(building, "MODULES", tmp_path / "modules")
    recipe = Recipe("rsc.io/quote", 1, stamps={"main.version": "v{release}"}, renamed={"hello": "greeter"})
    monkeypatch.setitem(building.RECIPES, "hello", recipe)
    return module


def test_the_folder_a_person_names_comes_first(cache, monkeypatch, tmp_path):
    named = make(tmp_path / "named", "etcd", "kubelet", *SERVERS)
    make(building.folder("kubernetes"), "kubectl", "kubelet", *SERVERS)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(named))
    found = control_plane_binaries()
    assert (found.etcd, found.servers) == (named / "etcd", named)
    assert binaries.kubelet_binary() == named / "kubelet"
    assert binaries.kubectl() == building.folder("kubernetes") / "kubectl", "which it does not have"


def test_a_named_folder_without_a_server_is_an_error_that_names_it(cache, monkeypatch, tmp_path):
    named = make(tmp_path / "named", "etcd", "kube-apiserver", "kubectl")  # what envtest ships
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(named))
    with pytest.raises(MissingBinaryError, match=r"no kube-controller-manager, kube-scheduler"):
        control_plane_binaries()


def test_built_programs_are_found_by_their_release(cache):
    servers, etcd = make(building.folder("kubernetes")), make(building.folder("etcd"))
    assert servers == cache / f"kubernetes-{building.release('kubernetes')}"
    found = control_plane_binaries()
    assert (found.etcd, found.servers) == (etcd / "etcd", servers)


def test_a_program_is_built_once_and_tells_its_release(cache, hello, capfd):
    program = built("hello")[0] / "greeter"
    assert program.parent == cache / "hello-1.5.2"
    assert subprocess.run([program], capture_output=True, text=True).stderr == "hello v1.5.2\n"
    assert not (cache / "go-work").exists(), "what was needed to build it is gone"
    shutil.rmtree(hello / "cmd")
    assert built("hello") == [program.parent], "it is not built again"
    assert "Building hello 1.5.2, once" in capfd.readouterr().err


def test_what_can_not_be_built_leaves_nothing_and_says_what_go_said(cache, hello):
    (hello / "cmd" / "hello" / "main.go").write_text(HELLO.replace("version)", "release)"))
    with pytest.raises(BuildError, match="undefined: release"):
        built("hello")
    assert not building.folder("hello").exists()


def test_where_the_disk_is_full_it_is_said_before_anything_is_fetched(cache, hello, monkeypatch):
    monkeypatch.setattr(building.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 1 << 30))
    with pytest.raises(BuildError, match=r"1\.0 GiB free.*make room"):
        built("hello")


def test_a_go_that_is_too_old_is_not_taken(monkeypatch, tmp_path):
    old = make(tmp_path / "path", "go") / "go"
    old.write_text("#!/bin/sh\necho go1.19.8\n")
    monkeypatch.setenv("PATH", str(old.parent), prepend=":")
    assert go_command((1, 19), tmp_path) == old
    brought = tmp_path / f"go-{go_toolchain._VERSION}"
    venv.create(brought, with_pip=False)  # as it is brought from PyPI, with the wheel's folder
    (pinned,) = brought.glob("lib/python*/site-packages")
    make(pinned / "go" / "bin", "go")
    assert go_command((1, 26), tmp_path) == pinned / "go" / "bin" / "go"


PINNED = """module example

go 1.26.0

tool (
\tk8s.io/kubernetes/cmd/kubectl
)

require (
\tk8s.io/kubernetes v1.37.2
)
"""
PUBLISHED = """module k8s.io/kubernetes

go 1.24.0

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
)
"""


def test_another_release_of_kubernetes_takes_its_parts_from_where_they_are_published():
    text = pinning._pinned("kubernetes", "v1.34.4", PINNED, PUBLISHED)
    assert "go 1.24.0\n\ntool (\n\tk8s.io/kubernetes/cmd/kubectl\n)\n" in text
    assert "require k8s.io/kubernetes v1.34.4\n" in text
    assert "\tk8s.io/api => k8s.io/api v0.34.4\n" in text


def test_progress_tells_what_is_fetched_what_is_compiled_and_what_went_wrong(capfd):
    lines = ["go: downloading k8s.io/api v0.37.2\n", "k8s.io/api/core/v1\n", "# k8s.io/api\n", "x.go:1: no\n"]
    assert BuildProgress("servers", lambda: 4).follow(lines) == "# k8s.io/api\nx.go:1: no"
    said = capfd.readouterr().err
    assert "servers: fetching sources (1 modules so far)" in said
    assert "in all" in said
