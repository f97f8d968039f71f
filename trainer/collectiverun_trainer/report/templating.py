"""Pages as Jinja templates: how they are filled in, and the style that all of them share."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from collectiverun_trainer.report.headline import percent


def environment(package: str) -> Environment:
    """Templates of a package: what they are given is escaped, and what they lack is an error.

    Each finds the text of `report.css` as `style`.
    """
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": percent, "duration": duration}
    made.globals["style"] = _style()
    return made


def duration(seconds: float) -> str:
    """Seconds as a person reads them: `4.2 s`, `42 s`, `3 min 07 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _style() -> Markup:
    loader = PackageLoader("collectiverun_trainer.report")
    return Markup(loader.get_source(Environment(autoescape=True), "report.css")[0])
