"""Which machine a report was made on: the only module of the report that reads the system."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from collectiverun_trainer.report.summary import Machine


def describe(device: str) -> Machine:
    """This machine; `device` is where tensors live, such as "cpu" or "cuda"."""
    return Machine(
        platform=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        device=device,
    )


def _processor() -> str:
    """The processor's own name where Linux tells it, else the kind of machine."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
