"""The OpenAPI document: an example for every body, which is one; and Swagger's Authorize has what it needs."""

import json
from typing import Any

import httpx

from booksync_auth_testing.household import PASSWORD, Household

JSON = "application/json"


async def load_document(house: Household) -> dict[str, Any]:
    """Return the document."""
    document: dict[str, Any] = (await house.client.get("/openapi.json")).json()
    return document


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    found: dict[str, Any] = document
    for part in schema.get("$ref", "#").split("/")[1:]:
        found = found[part]
    return found if "$ref" in schema else schema


async def test_example_of_every_body_is_accepted_by_its_address(house: Household) -> None:
    document = await load_document(house)
    await house.add("Ana")
    checked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                example = resolve(document, content["schema"]).get("example")
                assert example, (method, path)
                body = json.dumps(example) if media_type == JSON else str(httpx.QueryParams(example))
                # each time anew, as some examples end the session that they are sent in
                ana = await house.log_in("Ana")
                person = await house.add(f"Person {checked}", by=ana)
                answer = await house.client.request(
                    method.upper(),
                    path.format(user_id=person.id),
                    content=body.encode(),
                    headers={**ana.headers, "Content-Type": media_type},
                )
                assert answer.status_code not in {404, 405, 415, 422}, (method, path, answer.text)
                # what is introspected is the token that asks, which no example can be
                assert "token_missing" not in answer.text or path.endswith("/introspect"), (method, path)
                checked += 1
    assert checked >= 12


async def test_every_answer_has_an_example(house: Household) -> None:
    document = await load_document(house)
    ours = {name: schema for name, schema in document["components"]["schemas"].items() if "properties" in schema}
    made_of_others = {"EventPage", "Departures", "Export", "Problem", "FieldProblem"}
    assert [name for name, schema in ours.items() if "example" not in schema and name not in made_of_others] == []


async def test_authorize_of_swagger_gets_a_token_that_its_requests_send(house: Household) -> None:
    document = await load_document(house)
    scheme = document["components"]["securitySchemes"]["Profile"]
    assert scheme["type"] == "oauth2"
    await house.add("Ana")
    # relative to the document's address, as Swagger resolves it
    address = httpx.URL("http://service/openapi.json").join(scheme["flows"]["password"]["tokenUrl"])
    # what Swagger sends: the form, and an empty client beside it
    form = {"grant_type": "password", "username": "Ana", "password": PASSWORD}
    headers = {"Authorization": "Basic Og==", "X-Requested-With": "XMLHttpRequest"}
    answer = await house.client.post(address, data=form, headers=headers)
    token = answer.json()
    assert token["token_type"].lower() == "bearer"
    me = await house.client.get("/users/me", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert me.json()["username"] == "Ana"


async def test_what_needs_a_token_says_so(house: Household) -> None:
    document = await load_document(house)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "401" in operation["responses"] and not path.endswith(("/login", "/token", "/refresh")):
                assert operation.get("security") == [{"Profile": []}], (method, path)
    # the second root is for clients that know it, and is not shown twice
    assert "/users" not in document["paths"]
