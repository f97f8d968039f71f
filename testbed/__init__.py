"""A Kubernetes cluster and an S3 server on this machine, for tests and for people: `python -m testbed`."""

from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
"""The repository's folder."""

JSONObject = dict[str, Any]
