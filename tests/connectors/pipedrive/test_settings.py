import pytest
from pydantic import ValidationError

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.settings import PipedriveSettings
from automations.errors import InputError


@pytest.mark.parametrize(
    "given",
    [
        "acme",
        " ACME ",
        "acme.pipedrive.com",
        "https://acme.pipedrive.com/pipeline/1",
        "acme.pipedrive.com/settings",
    ],
)
def test_what_people_paste_becomes_the_company(given):
    settings = PipedriveSettings(domain=given, api_token="t0ken")
    assert settings.domain == "acme"
    assert settings.root == "https://acme.pipedrive.com"
    assert PipedriveConnection().hosts(settings) == {"acme.pipedrive.com"}


@pytest.mark.parametrize(
    "given",
    ["acme.evil.example", "acme@evil", "x" * 64, "a b", "äcme", "https://", "acme_1"],
)
def test_what_is_no_company_is_refused(given):
    with pytest.raises(ValidationError):
        PipedriveSettings(domain=given, api_token="t0ken")


@pytest.mark.parametrize(
    "given",
    [
        "http://127.0.0.1:8901",
        "http://127.0.0.1:8901/",
        "http://127.0.0.1:8901/api/v1",
        "http://127.0.0.1:8901/api",
    ],
)
def test_an_address_wins_over_the_domain(given):
    settings = PipedriveSettings(domain="acme", base_url=given, api_token="t0ken")
    assert settings.root == "http://127.0.0.1:8901"
    assert PipedriveConnection().hosts(settings) == {"127.0.0.1:8901"}


@pytest.mark.parametrize(
    "given", ["ftp://x", "http://", "http://user:pass@host", "http://host/other/path", "nothing"]
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(ValidationError):
        PipedriveSettings(base_url=given, api_token="t0ken")


def test_one_of_domain_and_address_is_needed():
    with pytest.raises(ValidationError, match="company domain is missing"):
        PipedriveSettings(api_token="t0ken")


def test_the_token_is_not_shown_and_fits_a_header():
    settings = PipedriveSettings(domain="acme", api_token=" t0ken \n")
    assert settings.api_token == "t0ken"
    assert "t0ken" not in repr(settings)
    assert PipedriveSettings.secret_names() == {"api_token", "client_secret"}
    for bad in ("t0 ken", "t0\nken", "tökén"):
        with pytest.raises(ValidationError):
            PipedriveSettings(domain="acme", api_token=bad)


def test_oauth_asks_for_the_app_and_not_for_a_token():
    settings = PipedriveSettings(domain="acme", auth="oauth", client_id="id", client_secret="s3cret")
    assert "s3cret" not in repr(settings)
    asked = PipedriveConnection().oauth(settings)
    assert asked.token_url == "https://oauth.pipedrive.com/oauth/token"
    assert PipedriveConnection().oauth(PipedriveSettings(domain="acme", api_token="t")) is None
    for missing in ({"client_id": "id"}, {"client_secret": "s"}, {"api_token": "t"}):
        with pytest.raises(ValidationError, match="is required"):
            PipedriveSettings(domain="acme", auth="oauth", **missing)


def test_a_permission_for_another_company_is_refused():
    settings = PipedriveSettings(domain="acme", auth="oauth", client_id="id", client_secret="s3cret")
    PipedriveConnection().check_grant(settings, {"api_domain": "https://ACME.pipedrive.com/"})
    with pytest.raises(InputError, match=r"other\.pipedrive\.com"):
        PipedriveConnection().check_grant(settings, {"api_domain": "https://other.pipedrive.com"})
