"""The one alias for documents: what `json.loads` gives for an object."""

from __future__ import annotations

from typing import Any

JSONObject = dict[str, Any]
