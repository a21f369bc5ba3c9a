"""A page of a report as a test reads it."""

import json
from html.parser import HTMLParser


class Page(HTMLParser):
    """Addresses, ids, tables (rows of texts and sort values) and all text of a page."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.ids, self.tables, self.text = [], set(), [], ""
        self.data, self._inside, self._cell = "", None, None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        facts = dict(attributes)
        self.addresses += [facts[name] for name in ("href", "src") if name in facts]
        self.ids |= {facts["id"]} if "id" in facts else set()
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            value = facts.get("data-value", facts.get("data-text"))
            self._cell = {"text": "", "value": value, "title": facts.get("title", "")}
            self.tables[-1][-1].append(self._cell)
        elif tag == "script":
            self._inside = facts.get("type", "code")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None
        elif tag == "script":
            self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.data += data if self._inside == "application/json" else ""
            return
        self.text += data
        if self._cell is not None:
            self._cell["text"] += data

    def player(self):
        """What the player of a clip's page is given."""
        return json.loads(self.data)
