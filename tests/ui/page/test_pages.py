"""Pages: routes, twins, ETags, errors, files, several stores."""

import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from small_page import Page
from small_store import ODD

from pystore import Build, Derivation, RRef, Store, build_outpath, match_latest, pin, realize
from pystore.ui.page.views import VIEWS


def addresses(store: Store) -> dict[str, str]:
    """An address of each kind of page, by its path."""
    rref = _rref(store, "train")
    values = {"name": "train", "ref": str(rref), "place": "0"}
    own = {"/drv/{ref}/traces": "?metric=loss", "/picture/{name}": ""}
    found = {}
    for view in VIEWS:
        if view.of_store and "/picture/" not in view.path:
            path = re.sub(r"{([^}]*)}", lambda part: values[part[1]], view.path)
            found[view.path] = path + own.get(view.path, "")
    return found


def _rref(store: Store, name: str) -> RRef:
    drefs = (dref for dref in store.drefs() if dref.name == name)
    return next(rref for dref in drefs for rref in store.realizations(dref))


def test_YA1_each_page_has_a_twin_and_an_etag(page: Page, small: Store):
    for path, address in addresses(small).items():
        answer = page.get(address)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers.get("etag") or path.endswith("{place}"), path
        if "file" not in path:
            page.json(address)


def test_YA1_what_has_not_changed_is_not_sent_again(page: Page):
    def again() -> int:
        etag = page.get("/stage/train").headers["etag"]
        answer = page.get("/stage/train", if_none_match=f'"other", {etag}')
        assert answer.status_code == 200 or answer.content == b""
        return int(answer.status_code)

    assert any(again() == 304 for _ in range(200))  # a tick of the disk's clock must be over


def test_YA1_each_address_has_an_etag_of_its_own(page: Page):
    found = [page.get(a).headers["etag"] for a in ("/", "/stage/train")]
    assert len({*found}) == 2


def test_YA1_a_page_that_has_changed_is_sent(own_page: Page):
    etag = own_page.get("/").headers["etag"]
    realize(Derivation({"name": "stage"}, match_latest(), lambda b: build_outpath(b)))
    answer = own_page.get("/", if_none_match=etag)
    assert answer.status_code == 200
    assert "stage/stage" in answer.text


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("/nothing", 404, "there is no such page"),
        ("/stage/nothing", 404, "no stage is called so"),
        ("/rlz/0", 404, "nothing here is called so"),
        ("/rlz/nothing", 404, "nothing here is called so"),
        ("/drv/train", 404, "things are meant by this"),
        ("/drv/dref:00000000000000000000000000000000-train", 404, "does not hold this"),
        ("/rlz/rref:zz", 404, "nothing here"),
        ("/?where=epochs", 400, "this is no condition"),
        ("/?where=a='", 400, "a condition is not closed"),
        ("/stage/train?where=no=1", 400, "nothing here is called"),
        ("/stage/train?metric=nothing", 400, "metric is none of these"),
        ("/stage/train?best=worst", 400, "best is none of these"),
        ("/stage/train?from=-1", 400, "no whole number"),
        ("/?where=" + "x" * 3000, 400, "too long"),
    ],
    ids=lambda x: str(x)[:40],
)
def test_YA2_a_mistake_is_answered_with_what_to_try(
    page: Page, address: str, status: int, told: str
):
    answer = page.get(address)
    assert answer.status_code == status
    assert told in answer.text
    assert "<dt>try</dt>" in answer.text
    problem = page.get(address + ("&" if "?" in address else "?") + "format=json").json()
    assert (problem["status"], bool(problem["remedy"])) == (status, True)


def test_YA2_of_an_ambiguous_reference_the_candidates_are_shown(page: Page, small: Store):
    text = page.get("/drv/train").text
    for dref in small.drefs():
        assert (dref[5:13] in text) == (dref.name == "train")


def test_YA3_files_are_saved_and_never_shown(page: Page, small: Store):
    rref = _rref(small, "odd")
    names = []
    for place, entry in enumerate(small.manifest(rref).entries):
        answer = page.get(f"/rlz/{rref}/file/{place}")
        assert answer.content == small.open(rref, os.fsdecode(entry.path)).read()
        assert answer.headers["content-type"] == "application/octet-stream"
        names.append(answer.headers["content-disposition"])
    assert names == [
        f"attachment; filename*=UTF-8''{quote(entry.path, safe='')}"
        for entry in small.manifest(rref).entries
    ]
    assert len(names) == len(ODD) + 1


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 30


def _pictures(b: Build) -> None:
    out = build_outpath(b)
    (out / "a.png").write_bytes(PNG)
    (out / "b.svg").write_text("<svg onload='alert(1)'/>")
    (out / "c.png").write_text("<html><script>alert(1)</script>")


def test_YA3_pictures_are_shown_where_they_run_nothing(own_page: Page):
    rref = realize(Derivation({"name": "drawn"}, match_latest(), _pictures))
    answer = own_page.get(f"/rlz/{rref}/picture/0")
    assert (answer.headers["content-type"], answer.content) == ("image/png", PNG)
    assert "sandbox" in answer.headers["content-security-policy"]
    assert [own_page.get(f"/rlz/{rref}/picture/{n}").status_code for n in (1, 2, 3)] == [404] * 3
    text = own_page.text(f"/rlz/{rref}")
    assert text.count("<img") == 1
    assert f"/rlz/{rref}/picture/0" in text


def test_the_files_of_the_page_are_there(page: Page):
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text("/")):
        assert page.get(address).status_code == 200, address
    assert page.get("/static/../asked.py").status_code == 404
    assert page.get("/static/%2e%2e/asked.py").status_code == 404


def test_several_stores_have_addresses_of_their_own(small: Store, tmp_path):
    empty = Store(tmp_path / "empty", durable=False)
    both = Page(small, empty)
    assert [one["name"] for one in both.json("/")] == ["store0", "store1"]
    assert "store/store0/stage/train" in both.text("/store/store0/")
    assert "The store is empty" in both.text("/store/store1/")
    assert both.get("/store/store1/stage/train").status_code == 404
    assert both.get("/stage/train").status_code == 404
    for link in re.findall(r'(?:href|action)="(/[^"]*)"', both.text("/store/store0/stage/train")):
        assert link.startswith(("/store/", "/static/")), link


def test_a_store_below_is_shown_too(small: Store, tmp_path):
    above = Page(Store(tmp_path / "above", durable=False, below=small.root))
    assert "stage/train" in above.text("/")
    assert above.get(f"/rlz/{_rref(small, 'train')}").status_code == 200


def test_nothing_is_written(small: Store, page: Page):
    def files() -> list[tuple[str, int]]:
        found = sorted(one for one in small.root.rglob("*"))
        return [(str(one), one.lstat().st_mtime_ns) for one in found]

    before = files()
    for address in addresses(small).values():
        page.get(address)
    assert files() == before


def test_each_link_of_a_page_leads_somewhere(page: Page, small: Store):
    seen, left = set[str](), ["/"]
    while left:
        address = left.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = page.get(address)
        assert answer.status_code == 200, (address, answer.text)
        if answer.headers["content-type"].startswith("text/html"):
            links = re.findall(r'href="(/[^"]*)"', answer.text)
            left += [one.replace("&amp;", "&").partition("#")[0] for one in links]
    assert len(seen) > 50


def test_pins_are_found_by_their_names(own_page: Page):
    pin(realize(Derivation({"name": "stage"}, match_latest(), lambda b: build_outpath(b))), "good")
    assert own_page.json("/rlz/good")["pins"] == ["good"]


@pytest.mark.parametrize("place", ["9" * 19, "9" * 5000, "-1", "\u0663" * 30, "x"], ids=ascii)
def test_YA2_a_place_that_no_manifest_has_is_a_mistake(small: Store, page: Page, place: str):
    made = next(rref for dref in small.drefs() for rref in small.realizations(dref))
    assert page.get(f"/rlz/{made}/file/{place}").status_code == 404


def test_YA2_a_file_that_cannot_be_read_is_told(
    small: Store, page: Page, monkeypatch: pytest.MonkeyPatch
):
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pystore.ui.page.views.realization.text_of", refuse)
    made = next(rref for dref in small.drefs() for rref in small.realizations(dref))
    answer = page.get(f"/rlz/{made}?show=0")
    assert answer.status_code == 503
    assert "Permission denied" in answer.text
