"""`make publish`: both images, built and pushed by the names that the README gives to the chart."""

import os
import subprocess

from chart.rendering import REPOSITORY

REGISTRY = "registry.example.com/robots"


def publish(**variables):
    command = [
        "make",
        "--no-print-directory",
        "publish",
        *(f"{key}={text}" for key, text in variables.items()),
    ]
    environment = {key: text for key, text in os.environ.items() if key != "REGISTRY"}
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )


def test_both_images_are_built_and_pushed_as_the_readme_names_them():
    done = publish(REGISTRY=REGISTRY, ENGINE="echo")
    assert done.returncode == 0, done.stderr
    pushed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("push ")]
    built = [line for line in done.stdout.splitlines() if line.startswith("build ")]
    assert len(built) == len(pushed) == 2
    readme = (REPOSITORY / "README.md").read_text()
    for half, image, build in zip(("operator", "trainer"), pushed, built, strict=True):
        assert f"--set {half}.image={image}" in readme
        assert f"--file images/{half}/Dockerfile " in build
        assert f"--tag {image} ." in build


def test_an_image_that_can_not_be_built_is_not_pushed():
    done = publish(REGISTRY=REGISTRY, ENGINE="false")
    assert done.returncode != 0


def test_without_a_registry_it_says_what_to_write():
    done = publish()
    assert done.returncode != 0
    assert "make publish REGISTRY=registry.example.com/robots" in done.stderr
