"""Products, the products on a deal, followers and participants."""

from __future__ import annotations

import pytest

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, refused


def test_a_product_is_made_found_and_changed(pd: PipedriveSandbox, api: Api) -> None:
    reply = api("POST", "/api/v2/products", {"name": "Panel", "code": "P-400"})
    assert reply.status_code == 201
    product = reply.json()["data"]
    assert product["prices"][0]["product_id"] == product["id"]
    found = api.data("GET", "/api/v2/products/search?term=p-400&fields=code&exact_match=true")
    assert [hit["item"]["id"] for hit in found["items"]] == [product["id"]]
    api.data("PATCH", f"/api/v2/products/{product['id']}", {"prices": [{"price": 90, "currency": "EUR"}]})
    assert pd.records("product")[product["id"]]["prices"][0]["price"] == 90
    assert "prices" in refused(
        lambda: api("POST", "/api/v2/products", {"name": "X", "prices": [{"price": 1, "currency": "XXX"}]})
    )


def test_the_value_of_a_deal_follows_its_products(pd: PipedriveSandbox, api: Api) -> None:
    deal, product = pd.create("deal", {"title": "A"}), pd.create("product", {"name": "Panel"})
    path = f"/api/v2/deals/{deal['id']}/products"
    line = api.data(
        "POST", path, {"product_id": product["id"], "item_price": 100, "quantity": 2, "discount": 10}
    )
    assert (line["sum"], line["name"]) == (180.0, "Panel")
    assert pd.records("deal")[deal["id"]]["value"] == 180.0
    api.data("PATCH", f"{path}/{line['id']}", {"quantity": 3})
    assert pd.records("deal")[deal["id"]]["value"] == 270.0
    assert [row["quantity"] for row in api.data("GET", path)] == [3]
    api.data("DELETE", f"{path}/{line['id']}")
    assert api.data("GET", path) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantity": "2"}, "quantity: must be a number"),
        ({"quantity": 0}, "more than 0"),
        ({"product_id": 9}, "no product 9"),
        ({"price": 1}, "'price' is not allowed"),
    ],
)
def test_a_line_is_strict(pd: PipedriveSandbox, api: Api, changes: dict[str, object], said: str) -> None:
    deal, product = pd.create("deal", {"title": "A"}), pd.create("product", {"name": "Panel"})
    body = {"product_id": product["id"], "item_price": 100, "quantity": 2, **changes}
    assert said in refused(lambda: api("POST", f"/api/v2/deals/{deal['id']}/products", body))


def test_nobody_follows_twice(pd: PipedriveSandbox, api: Api) -> None:
    person = pd.create("person", {"name": "Ana"})
    path = f"/api/v2/persons/{person['id']}/followers"
    assert api("POST", path, {"user_id": pd.me}).status_code == 201
    assert "already" in refused(lambda: api("POST", path, {"user_id": pd.me}))
    assert [row["user_id"] for row in api.data("GET", path)] == pd.followers("person", person["id"])
    api.data("DELETE", f"{path}/{pd.me}")
    assert pd.followers("person", person["id"]) == []


def test_persons_take_part_in_deals(pd: PipedriveSandbox, api: Api) -> None:
    deal, person = pd.create("deal", {"title": "A"}), pd.create("person", {"name": "Ana"})
    path = f"/v1/deals/{deal['id']}/participants"
    row = api.data("POST", path, {"person_id": person["id"]})
    assert row["person_id"]["value"] == person["id"]
    assert [one["id"] for one in api.data("GET", path)] == [row["id"]]
    assert "no person 4" in refused(lambda: api("POST", path, {"person_id": 4}))
    api.data("DELETE", f"{path}/{row['id']}")
    assert api.data("GET", path) == []
