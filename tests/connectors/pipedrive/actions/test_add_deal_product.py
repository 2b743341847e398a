import pytest

from automations.connectors.pipedrive.actions.add_deal_product import AddDealProduct
from automations.errors import FieldsError, OutcomeUnknownError, RejectedError
from tests.connectors.pipedrive.doing import doing, writes

perform, settle = doing(AddDealProduct)


@pytest.fixture
def deal(pd):
    pd.create("product", {"name": "Panel", "code": "P-400", "prices": [{"price": 90, "currency": "EUR"}]})
    return pd.create("deal", {"title": "D"})["id"]


def test_a_product_is_put_on_a_deal_at_its_own_price(pd, client, deal):
    outcome = perform(client, deal_match_value=str(deal), product_match_value="p-400", quantity=2)
    (line,) = pd.deal_products(deal)
    assert (line["item_price"], line["quantity"], line["sum"]) == (90, 2, 180)
    assert outcome.outputs["added"] is True
    assert pd.records("deal")[deal]["value"] == 180


def test_a_product_that_is_there_is_updated_skipped_or_added_again(pd, client, deal):
    named = {"deal_match_value": str(deal), "product_match_value": "P-400"}
    perform(client, **named)
    assert perform(client, **named).nothing_to_do
    perform(client, **named, quantity=3)
    assert [line["quantity"] for line in pd.deal_products(deal)] == [3]
    assert writes(pd)[-1][2] == {"quantity": 3}
    assert perform(client, **named, quantity=9, if_there="skip").nothing_to_do
    perform(client, **named, if_there="add", item_price=0)
    assert [line["item_price"] for line in pd.deal_products(deal)] == [90, 0]


def test_what_cannot_be_is_refused_before_anything_is_written(pd, client, deal):
    with pytest.raises(RejectedError, match="No product has code X-1"):
        perform(client, deal_match_value=str(deal), product_match_value="X-1")
    with pytest.raises(FieldsError, match="above 0"):
        perform(client, deal_match_value=str(deal), product_match_value="P-400", quantity=0)
    pd.update("deal", deal, {"currency": "USD"})
    with pytest.raises(FieldsError, match="no price in USD"):
        perform(client, deal_match_value=str(deal), product_match_value="P-400")
    assert writes(pd) == []


@pytest.mark.parametrize("if_there", ["update", "add"])
def test_a_line_whose_reply_was_lost_is_read_back(pd, client, deal, if_there):
    wanted = {"deal_match_value": str(deal), "product_match_value": "P-400", "if_there": if_there}
    assert settle(client, **wanted) is None
    pd.hang_up_next(before_write=False, method="POST")
    with pytest.raises(OutcomeUnknownError):
        perform(client, **wanted)
    assert settle(client, **wanted).outputs["added"] is True
    assert len(pd.deal_products(deal)) == 1
