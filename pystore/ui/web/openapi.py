"""OpenAPI: a description of the service for programs, version 3.1 of the standard."""

from collections.abc import Iterable
from typing import Any

from .live import Live
from .problems import MEDIA_TYPE

_RREF = {"type": "string", "description": "the realization that answered"}
_PREDICTIONS = {
    "type": "array",
    "description": "a prediction for each row; null where there was nothing to ask",
    "items": {},
}
_REPLY = {
    "type": "object",
    "required": ["predictions", "rref"],
    "properties": {"predictions": _PREDICTIONS, "rref": _RREF},
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "status", "title"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "expected": {},
        "remedy": {"type": "string"},
    },
}
_WRONG = {
    "400": "the body is no JSON",
    "401": "the token is missing, or is another",
    "413": "the body or the picture is too large",
    "415": "the body is compressed",
    "422": "no features can be made of the body",
    "500": "the predictor failed",
    "503": "nothing answers yet, or too much waits",
}
_LOOKS = {
    "/health": ("whether the process is alive", ()),
    "/ready": ("whether a model answers, and which were refused", ("503",)),
    "/model": ("the model that answers, its hyperparameters and evidence", ("503",)),
    "/metrics": ("counts for Prometheus", ()),
}


def description(name: str, live: Live | None, takes_pictures: bool) -> dict[str, Any]:
    """The description of the service, with a row of the model that answers as an example."""
    looks = {path: {"get": _get(text, codes)} for path, (text, codes) in _LOOKS.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": live.rref[5:13] if live else "0"},
        "components": {
            "schemas": {"Reply": _REPLY, "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
        "paths": {"/predict": {"post": _predict(live, takes_pictures)}, **looks},
    }


def _predict(live: Live | None, takes_pictures: bool) -> dict[str, Any]:
    features: dict[str, Any] = {"description": "rows, records, or one raw input"}
    schema = {"type": "object", "required": ["features"], "properties": {"features": features}}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if live is not None and live.example is not None:
        content["application/json"]["example"] = {"features": [live.example]}
    if takes_pictures:
        content |= {f"image/{kind}": {"schema": {}} for kind in ("png", "jpeg")}
    return {
        "summary": "predictions for rows, records, or a picture",
        "operationId": "predict",
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _json("the predictions", "Reply"), **_problems(_WRONG)},
    }


def _get(text: str, codes: Iterable[str]) -> dict[str, Any]:
    return {"summary": text, "responses": {"200": {"description": text}, **_problems(codes)}}


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    return {code: _json(_WRONG[code], "Problem", MEDIA_TYPE) for code in codes}


def _json(text: str, schema: str, media_type: str = "application/json") -> dict[str, Any]:
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, "content": content}
