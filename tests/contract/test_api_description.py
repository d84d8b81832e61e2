"""docs/openapi.yaml is what the code does: the same addresses, methods, parameters, statuses and payloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from roost.web.description import describe
from roost.web.routes import ROUTES

REPOSITORY = Path(__file__).parents[2]
METHODS = ("get", "post", "put", "patch", "delete")
# Words for people: free to differ.
PROSE = ("description", "title", "summary", "example", "writeOnly")

Operations = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "docs" / "openapi.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    return describe(ROUTES)


def test_the_same_addresses_methods_and_names(written: dict[str, Any], served: dict[str, Any]) -> None:
    ours = {place: operation["operationId"] for place, operation in operations(written).items()}
    theirs = {place: operation["operationId"] for place, operation in operations(served).items()}
    assert ours == theirs
    assert len(ours) >= 45


def test_the_same_statuses(written: dict[str, Any], served: dict[str, Any]) -> None:
    ours = {place: sorted(operation["responses"]) for place, operation in operations(written).items()}
    theirs = {place: sorted(operation["responses"]) for place, operation in operations(served).items()}
    assert ours == theirs


def test_the_same_parameters(written: dict[str, Any], served: dict[str, Any]) -> None:
    ours = {place: parameters(written, place) for place in operations(written)}
    theirs = {place: parameters(served, place) for place in operations(served)}
    assert ours == theirs


def test_the_same_bodies(written: dict[str, Any], served: dict[str, Any]) -> None:
    ours = {place: body(written, operation) for place, operation in operations(written).items()}
    theirs = {place: body(served, operation) for place, operation in operations(served).items()}
    assert ours == theirs


def test_the_same_answers(written: dict[str, Any], served: dict[str, Any]) -> None:
    for place, operation in operations(written).items():
        for status in operation["responses"]:
            ours = answer(written, operation, status)
            theirs = answer(served, operations(served)[place], status)
            if place == ("/api/threads/{id}/export", "get"):
                # One of two media types; the written description names both.
                ours = {"application/json": ours["application/json"]} if status == "200" else ours
            assert ours == theirs, (place, status)


def test_the_same_payloads_of_events(written: dict[str, Any], served: dict[str, Any]) -> None:
    for name in ("LiveLogLine", "RunSources", "RunDelta", "RunDone"):
        ours = plain(written, written["components"]["schemas"][name])
        theirs = plain(served, served["components"]["schemas"][name])
        assert ours == theirs, name


def operations(description: dict[str, Any]) -> Operations:
    return {
        (path, method): operation
        for path, item in description["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def parameters(description: dict[str, Any], place: tuple[str, str]) -> dict[tuple[str, str], Any]:
    path, method = place
    item = description["paths"][path]
    found = {}
    for entry in (*item.get("parameters", ()), *item[method].get("parameters", ())):
        parameter = resolve(description, entry)
        schema = plain(description, parameter["schema"])
        if not parameter.get("required"):
            # "Not sent" is no value of its own.
            schema = {key: value for key, value in without_null(schema).items() if key != "default" or value}
        found[(parameter["in"], parameter["name"])] = (parameter.get("required", False), schema)
    return found


def body(description: dict[str, Any], operation: dict[str, Any]) -> Any:
    if "requestBody" not in operation:
        return None
    return {
        media: plain(description, content["schema"])
        for media, content in operation["requestBody"]["content"].items()
    }


def answer(description: dict[str, Any], operation: dict[str, Any], status: str) -> dict[str, Any]:
    response = resolve(description, operation["responses"][status])
    return {
        media: plain(description, content["schema"])
        for media, content in (response.get("content") or {}).items()
    }


def resolve(description: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in entry:
        found: Any = description
        for part in entry["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        entry = found
    return entry


def plain(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its references filled in, without prose, and with one way of writing each thing."""
    schema = resolve(description, schema)
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in PROSE or key == "$defs" or (key == "default" and value is None):
            continue
        if key == "properties":
            found[key] = {name: plain(description, each) for name, each in value.items()}
        elif key == "items":
            found[key] = plain(description, value)
        elif key == "required" or key == "enum":
            found[key] = sorted(value)
        elif key == "const":
            found["enum"] = [value]
        elif key == "anyOf":
            found[key] = [plain(description, each) for each in value]
        else:
            found[key] = value
    return one_of_types(found)


def one_of_types(schema: dict[str, Any]) -> dict[str, Any]:
    """`anyOf: [X, null]` and `type: [x, 'null']` say the same: X with `nullable`."""
    if isinstance(schema.get("type"), list):
        kinds = [kind for kind in schema["type"] if kind != "null"]
        return {**schema, "type": kinds[0], "nullable": True}
    if "anyOf" in schema:
        others = [each for each in schema["anyOf"] if each.get("type") != "null"]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        if len(others) == 1:
            return {**others[0], **rest, "nullable": True}
    return schema


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "nullable"}
