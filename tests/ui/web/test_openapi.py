"""OpenAPI: the description, as programs read it."""

import json

from small_model import EXAMPLES, SmallLoaded

from pystore.core.refs import RRef
from pystore.ui.web.live import Live
from pystore.ui.web.openapi import description

RREF = RRef(f"rref:{'0' * 32}-{'1' * 32}-weights")
LIVE = Live(
    SmallLoaded(RREF, {"weights": [1.0], "examples": [], "fault": ""}, 0.5), {}, EXAMPLES[0], {}
)


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [one for inner in value.values() for one in references(inner)]
    return [one for inner in value for one in references(inner)] if isinstance(value, list) else []


def test_each_reference_leads_to_a_schema():
    told = json.loads(json.dumps(description("small", LIVE, True)))
    assert told["openapi"] == "3.1.0"
    found = references(told)
    assert found
    for reference in found:
        here = told
        for part in reference.removeprefix("#/").split("/"):
            here = here[part]


def test_the_example_is_a_row_of_the_model_that_answers():
    content = description("small", LIVE, False)["paths"]["/predict"]["post"]["requestBody"]
    assert content["content"]["application/json"]["example"] == {"features": [EXAMPLES[0]]}
    assert [*content["content"]] == ["application/json"]


def test_pictures_are_named_where_they_are_taken():
    content = description("small", None, True)["paths"]["/predict"]["post"]["requestBody"]
    assert {"image/png", "image/jpeg"} < {*content["content"]}
