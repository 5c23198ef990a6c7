"""Templates that extend the base page, and data URIs for embedded files."""

from __future__ import annotations

from base64 import b64encode

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

_COMMON = "pages"


def template(folder: str, name: str) -> Template:
    """Return a template with autoescaping; it may extend ``base.html.j2`` of this folder.

    Args:
        folder: Folder of the template within the package.
        name: File name of the template.
    """
    loader = ChoiceLoader([PackageLoader("edlrr_cli", path) for path in (folder, _COMMON)])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


def data_uri(content: bytes, kind: str) -> str:
    """Return a data URI with the content of a file.

    Args:
        content: Content of the file.
        kind: Media type of the file.

    Example:
        >>> data_uri(b"abc", "image/webp")
        'data:image/webp;base64,YWJj'
    """
    return f"data:{kind};base64,{b64encode(content).decode()}"
