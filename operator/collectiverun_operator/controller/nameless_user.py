"""Makes libraries work under a uid without a passwd entry, which clusters often assign.

kopf needs the user's name and the Kubernetes client, while it is imported, the home directory; without them
both end the process. Importing this module before them provides what is missing.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path


def _name_user() -> None:
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = f"uid-{os.getuid()}"


def _give_home() -> None:
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


_name_user()
_give_home()
