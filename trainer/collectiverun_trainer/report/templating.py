"""Pages as Jinja templates: how they are filled in, and the style that all of them share."""

from __future__ import annotations

import posixpath
from base64 import b64encode
from hashlib import sha256
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from collectiverun_trainer.report.headline import percent


def environment(package: str) -> Environment:
    """Templates of a package: what they are given is escaped, and what they lack is an error.

    Each finds the text of `report.css` as `style`, and that of `sorting.js` as `script` with its digest: a
    page may run this script and no other, whatever a run is called.
    """
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": percent, "duration": duration}
    script = source("sorting.js")
    made.globals |= {
        "style": Markup(source("report.css")),
        "script": Markup(script),
        "script_digest": b64encode(sha256(script.encode()).digest()).decode(),
    }
    return made


def duration(seconds: float) -> str:
    """Seconds as a person reads them: `4.2 s`, `42 s`, `3 min 07 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def link(uri: str, folder: str) -> str:
    """How a page in `folder` refers to a file, both URIs: by a path from there; "" if that is elsewhere."""
    (place, path), (own_place, own_path) = _place(uri), _place(folder)
    return quote(posixpath.relpath(path, own_path)) if place == own_place else ""


def _place(uri: str) -> tuple[str, str]:
    """Kind of storage with the bucket, and the path there. A local path may have any character in it."""
    scheme, _, rest = uri.partition("://")
    bucket, _, path = rest.partition("/")
    return f"{scheme}://{bucket}", f"/{path}"


def source(name: str) -> str:
    """A file beside the report's templates as it is: style, script."""
    content, _, _ = PackageLoader("collectiverun_trainer.report").get_source(
        Environment(autoescape=True), name
    )
    return content
