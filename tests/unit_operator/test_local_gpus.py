"""GPUs of this machine as CUDA counts them, whatever lies in /dev. A library stands in for the driver."""

import shutil
import subprocess

import pytest

from collectiverun_operator.cluster.local import gpus

# As the real one: it counts what CUDA_VISIBLE_DEVICES lets it see.
DRIVER = """
#include <stdlib.h>
#include <string.h>
int cuInit(unsigned flags) { return %(fault)d; }
int cuDeviceGetCount(int *count) {
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    int seen = %(devices)d;
    if (visible) {
        seen = *visible ? 1 : 0;
        for (; (visible = strchr(visible, ',')); visible++) seen++;
    }
    *count = seen < %(devices)d ? seen : %(devices)d;
    return 0;
}
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Builds a driver of so many devices and puts it where programs look first."""
    compiler = shutil.which("cc") or pytest.skip(
        "CUDA's driver is a C library, and its stand-in needs a C compiler (cc, Debian's gcc); none is here"
    )

    def build(devices: int, fault: int = 0) -> None:
        source = tmp_path / "driver.c"
        source.write_text(DRIVER % {"devices": devices, "fault": fault})
        library = tmp_path / "libcuda.so.1"
        subprocess.run([compiler, "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
        monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return build


def test_one_device_of_a_container_is_the_first_whatever_its_file_is_called(driver):
    driver(devices=1)
    assert gpus.gpu_names() == ("0",)


def test_devices_are_named_as_the_environment_names_them(driver, monkeypatch):
    driver(devices=8)
    assert gpus.gpu_names() == tuple("01234567")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5a, 3")
    assert gpus.gpu_names() == ("GPU-5a", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus.gpu_names() == ()


def test_a_driver_that_can_not_begin_has_none(driver):
    driver(devices=8, fault=100)
    assert gpus.gpu_names() == ()


@pytest.mark.parametrize(
    ("count", "visible", "names"),
    [
        (2, None, ("0", "1")),
        (1, "3", ("3",)),
        (1, "GPU-1,GPU-2", ("GPU-1",)),
        (2, "MIG-a,MIG-b", ("MIG-a", "MIG-b")),
        (0, "-1", ()),
        (0, "", ()),
        (0, None, ()),
    ],
)
def test_names_follow_the_variable_as_far_as_cuda_does(count, visible, names):
    assert gpus.named(count, visible) == names
