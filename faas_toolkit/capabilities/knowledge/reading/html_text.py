"""HTML to plain text with `#` before headings, by the standard library's parser.

That parser can take time that grows with the square of what is malformed (CPython gh-135462), so it is given only tags that
are whole, in blocks.
"""

import re
from html.parser import HTMLParser

from faas_toolkit.capabilities.knowledge.reading.blocks import blocks_before, searched, substituted
from faas_toolkit.core.untrusted import cut_short

_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "select", "button"})
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "br", "dd", "details", "div", "dl", "dt", "figcaption", "figure"),
        *("footer", "form", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tr", "ul"),
    }
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_RAW = ("script", "style", "textarea", "title", "xmp", "noembed", "noframes", "plaintext")
_STRAY = re.compile(r"<(?!/?[a-zA-Z][^<>]{0,4000}>)")
_TITLE = re.compile(r"<title[^<>]{0,400}>([^<]{0,2000})</title", re.IGNORECASE)
_LONGEST_TITLE = 2_500
_LONGEST_NAME = 16
_SPACES = re.compile(r"[ \t\f\v\u00a0]+")
_BREAKS = re.compile(r"\n{3,}")


def text_of_html(html: str) -> tuple[str, str]:
    """The title and the text of a page."""
    title, body = _without_title(_without_comments(html))
    parser = _Text()
    for block in blocks_before("<", _without_raw(body)):  # no tag holds another `<`, so none is cut
        parser.feed(_STRAY.sub("&lt;", block))
    parser.close()
    return cut_short(" ".join(title.split()), 300), parser.text()


def _without_comments(html: str) -> str:
    kept: list[str] = []
    position = 0
    while (start := html.find("<!--", position)) >= 0:
        kept.append(html[position:start])
        end = html.find("-->", start + 4)
        if end < 0:  # never closed: browsers drop the rest, and so do we
            return "".join(kept)
        position = end + 3
    return "".join([*kept, html[position:]])


def _without_title(html: str) -> tuple[str, str]:
    from html import unescape

    match = searched(_TITLE, html, 0, _LONGEST_TITLE)
    return (unescape(match[1]) if match else "", html)


def _without_raw(html: str) -> str:
    """The page without the contents of raw elements."""
    for name in _RAW:
        html = _without_element(html, name)
    return html


def _without_element(html: str, name: str) -> str:
    """Cut out by searching on from where the last one ended: one pass, whatever is not closed."""
    kept: list[str] = []
    position = 0
    opening = re.compile(rf"<{name}(?=[\s/>])", re.IGNORECASE)
    closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    while (start := searched(opening, html, position, _LONGEST_NAME)) is not None:
        kept.append(html[position : start.start()])
        end = searched(closing, html, start.end(), _LONGEST_NAME)
        if end is None:
            return "".join(kept)
        close = html.find(">", end.end())
        if close < 0:
            return "".join(kept)
        position = close + 1
    return "".join([*kept, html[position:]])


class _Text(HTMLParser):
    """Collects the text; elements may be nested as deeply as they like, since nothing here recurses."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._skipping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Breaks the line before blocks, and marks headings, items and cells."""
        if tag in _SKIPPED:
            self._skipping.append(tag)
        elif tag in _HEADINGS:
            self._parts.append(f"\n\n{'#' * _HEADINGS[tag]} ")
        elif tag == "li":
            self._parts.append("\n- ")
        elif tag in ("td", "th"):
            self._parts.append(" | ")
        elif tag in _BLOCKS:
            self._parts.append("\n\n" if tag in ("p", "table", "section", "article", "div") else "\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without contents skips nothing."""
        if tag not in _SKIPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Ends what was skipped, and breaks the line after blocks."""
        if tag in _SKIPPED:
            if tag in self._skipping:
                del self._skipping[self._skipping.index(tag) :]
        elif tag in _HEADINGS or tag in ("p", "table", "ul", "ol"):
            self._parts.append("\n\n")
        elif tag in _BLOCKS and tag != "br":
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Text, its line breaks being spaces in HTML."""
        if not self._skipping:
            self._parts.append(substituted(_SPACES, " ", data.replace("\n", " ")))

    def text(self) -> str:
        """What was collected, tidied up."""
        lines = (substituted(_SPACES, " ", line).strip() for line in "".join(self._parts).split("\n"))
        joined = "\n".join("" if line == "|" else line.removeprefix("| ") for line in lines)
        return substituted(_BREAKS, "\n\n", joined).strip()
