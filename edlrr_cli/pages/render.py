"""Templates in the frame that every page has, and what is embedded in them."""

from __future__ import annotations

from base64 import b64encode

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

_COMMON = "pages"


def template(folder: str, name: str) -> Template:
    """Return a template, which escapes all it is given; it may extend ``base.html.j2`` of this folder.

    Args:
        folder: Within the package, where the template is.
        name: Of its file.
    """
    loader = ChoiceLoader([PackageLoader("edlrr_cli", where) for where in (folder, _COMMON)])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


def data_uri(content: bytes, kind: str) -> str:
    """Return a file as an address that holds it.

    Args:
        content: Of the file.
        kind: Its media type.

    Example:
        >>> data_uri(b"abc", "image/webp")
        'data:image/webp;base64,YWJj'
    """
    return f"data:{kind};base64,{b64encode(content).decode()}"
