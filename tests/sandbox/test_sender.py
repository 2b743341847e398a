"""Delivery: order, credentials, retries, the ban, and connections that stay open."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, Receiver, hook_body


def subscribe(api: Api, url: str) -> int:
    number: int = api.data("POST", "/v1/webhooks", hook_body(url))["id"]
    return number


def test_webhooks_carry_the_registered_credentials(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    body = hook_body(receiver.url, http_auth_user="pd", http_auth_password="päss")
    api.data("POST", "/v1/webhooks", {**body, "http_auth_password": "pass"})
    pd.create("deal", {"title": "A"})
    assert pd.wait_until_quiet(10)
    assert receiver.headers[0]["HTTP_AUTHORIZATION"] == "Basic cGQ6cGFzcw=="
    assert receiver.headers[0]["HTTP_USER_AGENT"] == "Pipedrive Webhooks"
    assert receiver.headers[0]["CONTENT_TYPE"] == "application/json"


def test_webhooks_arrive_in_the_order_of_the_writes_over_one_connection(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    subscribe(api, receiver.url)
    deal = pd.create("deal", {"title": "A", "value": 0})
    for value in range(1, 50):
        pd.update("deal", deal["id"], {"value": value})
    assert pd.wait_until_quiet(10)
    assert [body["data"]["value"] for body in receiver.bodies] == list(range(50))
    assert len(receiver.connections) == 1


def test_several_connections_keep_each_record_in_order(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    pd.sender_connections = 4
    subscribe(api, receiver.url)
    deals = [pd.create("deal", {"title": f"D{number}", "value": 0})["id"] for number in range(8)]
    for value in range(1, 12):
        for deal_id in deals:
            pd.update("deal", deal_id, {"value": value})
    assert pd.wait_until_quiet(20)
    assert len(receiver.connections) > 1
    for deal_id in deals:
        values = [body["data"]["value"] for body in receiver.bodies if body["data"]["id"] == deal_id]
        assert values == list(range(12))


def test_a_failed_delivery_is_tried_three_times_more_and_then_dropped(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    pd.retry_delays_s = (0.01, 0.02, 0.03)
    hook_id = subscribe(api, receiver.url)
    receiver.statuses.extend([500, 404, 301, 503])
    pd.create("deal", {"title": "A"})
    assert pd.wait_until_quiet(10)
    assert [body["meta"]["attempt"] for body in receiver.bodies] == [1, 2, 3, 4]
    assert len({body["meta"]["id"] for body in receiver.bodies}) == 1
    seen = [(item.hook_id, item.attempt, item.status_code) for item in pd.deliveries]
    assert seen == [(hook_id, 1, 500), (hook_id, 2, 404), (hook_id, 3, 301), (hook_id, 4, 503)]


def test_a_retry_that_succeeds_ends_it(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    pd.retry_delays_s = (0.01, 0.02, 0.03)
    subscribe(api, receiver.url)
    receiver.statuses.extend([500, 204])
    pd.create("deal", {"title": "A"})
    assert pd.wait_until_quiet(10)
    assert [item.status_code for item in pd.deliveries] == [500, 204]
    assert api.data("GET", "/v1/webhooks")[0]["last_http_status"] == 204


def test_a_retry_of_version_1_counts_from_zero(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    pd.retry_delays_s = (0.01, 0.02, 0.03)
    api.data("POST", "/v1/webhooks", hook_body(receiver.url, version="1.0"))
    receiver.statuses.append(500)
    pd.create("deal", {"title": "A"})
    assert pd.wait_until_quiet(10)
    assert [body["retry"] for body in receiver.bodies] == [0, 1]


def test_a_slow_retry_holds_up_nothing_else(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    pd.retry_delays_s = (30, 30, 30)
    subscribe(api, receiver.url)
    receiver.statuses.append(500)
    pd.create("deal", {"title": "A"})
    pd.create("deal", {"title": "B"})
    assert not pd.wait_until_quiet(0.5)
    assert [body["data"]["title"] for body in receiver.bodies] == ["A", "B"]


def test_a_receiver_that_is_not_there_counts_as_a_failure(pd: PipedriveSandbox, api: Api) -> None:
    pd.retry_delays_s = ()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        subscribe(api, f"http://127.0.0.1:{unused.getsockname()[1]}/in")
        pd.create("deal", {"title": "A"})
        assert pd.wait_until_quiet(10)
    assert pd.deliveries[0].status_code == 0
    assert pd.deliveries[0].error != ""


def test_a_slow_receiver_is_given_up_on(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    pd.sender.timeout_s = 0.1
    pd.retry_delays_s = ()
    subscribe(api, receiver.url)
    receiver.hold.clear()
    pd.create("deal", {"title": "A"})
    assert pd.wait_until_quiet(10)
    receiver.hold.set()
    assert pd.deliveries[0].status_code == 0


def test_ten_failed_first_attempts_silence_the_hook(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    pd.retry_delays_s = ()
    subscribe(api, receiver.url)
    receiver.statuses.extend([401] * 10)
    for number in range(12):
        pd.create("deal", {"title": f"D{number}"})
        assert pd.wait_until_quiet(10)
    assert len(receiver.bodies) == 10
    hook = next(iter(pd.hooks.by_id.values()))
    assert hook.lost == 2
    hook.muted_until = 0.0
    pd.create("deal", {"title": "heard again"})
    assert pd.wait_until_quiet(10)
    assert receiver.bodies[-1]["data"]["title"] == "heard again"


def test_failed_retries_do_not_count_towards_the_ban(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    pd.retry_delays_s = (0.01, 0.01, 0.01)
    subscribe(api, receiver.url)
    receiver.statuses.extend([500] * 12)
    for number in range(3):
        pd.create("deal", {"title": f"D{number}"})
    assert pd.wait_until_quiet(10)
    hook = next(iter(pd.hooks.by_id.values()))
    assert (hook.failed_firsts, hook.is_muted()) == (3, False)


def test_a_hook_without_success_for_three_days_is_removed(receiver: Receiver) -> None:
    clock = datetime(2026, 11, 20, tzinfo=UTC)
    pd = PipedriveSandbox(api_token="t", now=lambda: clock)
    pd.retry_delays_s = ()
    with pd.serve() as server, Api(server.url, {"x-api-token": "t"}) as api:
        lively, dead = subscribe(api, receiver.url), subscribe(api, "http://127.0.0.1:9/in")
        clock += timedelta(days=2)
        pd.create("deal", {"title": "A"})
        assert pd.wait_until_quiet(10)
        clock += timedelta(days=1)
        assert pd.remove_dead_webhooks() == [dead]
        assert [hook["id"] for hook in pd.webhooks] == [lively]


def test_a_removed_hook_gets_nothing_more(pd: PipedriveSandbox, api: Api, receiver: Receiver) -> None:
    pd.retry_delays_s = (0.3, 0.3, 0.3)
    hook_id = subscribe(api, receiver.url)
    receiver.statuses.append(500)
    pd.create("deal", {"title": "A"})
    assert not pd.wait_until_quiet(0.1)
    api("DELETE", f"/v1/webhooks/{hook_id}")
    assert pd.wait_until_quiet(10)
    assert len(receiver.bodies) == 1


def test_what_is_queued_waits_while_the_sandbox_rests(pd: PipedriveSandbox, receiver: Receiver) -> None:
    with pd.serve() as server, Api(server.url, {"x-api-token": pd.api_token}) as api:
        subscribe(api, receiver.url)
    pd.create("deal", {"title": "A"})
    assert not pd.wait_until_quiet(0.1)
    with pd.serve():
        assert pd.wait_until_quiet(10)
    assert len(receiver.bodies) == 1
