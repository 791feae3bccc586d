from datetime import datetime

import pytest

from pystore.db import array, field, image, json, text, uri
from pystore.db.errors import BadField
from pystore.db.fetching import Policy


def test_a_field_of_urls_is_one_of_pictures_with_a_policy():
    found = uri(hosts=["Images.example"], private=["10.0.0.0/8"], timeout=3, at="record.img")
    assert (found.kind, found.at, found.column) == ("image", "record.img", "record")
    assert found.fetched == Policy(("images.example",), ("10.0.0.0/8",), 3)
    assert {found} == {found}  # it can be hashed


@pytest.mark.parametrize(
    "inner", [image(max_pixels=7), array(), image, bytes, field(dump=bytes, load=bytes)], ids=repr
)
def test_a_url_leads_to_bytes_that_are_decoded(inner):
    assert uri(inner).fetched == Policy()


@pytest.mark.parametrize("inner", [json(), text(), int, datetime, uri(image()), "image"], ids=repr)
def test_a_url_leads_to_nothing_else(inner):
    with pytest.raises(BadField) as caught:
        uri(inner)
    assert caught.value.remedy


def test_a_policy_that_has_no_meaning_is_refused_where_it_is_declared():
    with pytest.raises(BadField, match="hosts is a list of texts"):
        uri(hosts="images.example")
    with pytest.raises(BadField, match="private is a list of texts"):
        uri(private="10.0.0.0/8")
