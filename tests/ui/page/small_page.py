"""A page of stores, of which a test asks for addresses."""

import json
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="pages need `pip install 'pystore-stages[ui]'`")

from starlette.testclient import TestClient  # needs what is looked for above

from pystore import Store
from pystore.ui.page.application import application

TOKEN = "a-token-that-is-long-enough"


class Page:
    """A browser that has opened the printed address."""

    def __init__(self, *stores: Store, token: str = TOKEN, **options: Any) -> None:
        self.stores = {f"store{i}": store for i, store in enumerate(stores)}
        self.app = application(self.stores, token=token, **options)
        self.client = TestClient(self.app, "http://localhost", follow_redirects=False)
        self.client.cookies.set(self.app.cookie, token)

    def get(self, address: str, **headers: str) -> Any:
        """The answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(address, headers=named)

    def text(self, address: str) -> str:
        """The page at an address, which there is."""
        answer = self.get(address)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def json(self, address: str) -> Any:
        """Its twin."""
        answer = self.get(address + ("&" if "?" in address else "?") + "format=json")
        assert answer.headers["content-type"] == "application/json"
        return json.loads(answer.text)
