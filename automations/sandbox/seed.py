"""What a new account holds, and a believable company to try things on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .records import Records
from .state import Account, Actor

if TYPE_CHECKING:
    from .pipedrive import PipedriveSandbox

SALES_STAGES = (
    ("Lead in", 10),
    ("Contact made", 25),
    ("Proposal made", 50),
    ("Negotiation", 75),
    ("Contract sent", 90),
)
SERVICE_STAGES = (("Requested", 30), ("Site visit", 50), ("Offer sent", 70), ("Signed", 95))
SERVICE_PIPELINE = "Service contracts"

_COLLEAGUES = (
    ("Ana Petrova", "ana@brightfield.example"),
    ("Marek Nowak", "marek@brightfield.example"),
    ("Lena Hofmann", "lena@brightfield.example"),
)
_ORGANIZATIONS = (
    ("Harbour Co-op", "Hafenstraße 12, Hamburg, Germany"),
    ("Lumen Bakery", "Rua das Flores 88, Porto, Portugal"),
    ("Nordwind Logistik", "Speicherweg 4, Bremen, Germany"),
    ("Quayside Hotel", "1 Quay Road, Bristol, United Kingdom"),
    ("Terrasol Farms", "Camino del Río 5, Sevilla, Spain"),
    ("Alpenblick Clinic", "Seestrasse 70, Luzern, Switzerland"),
    ("Kaunas Timber", "Miško gatvė 9, Kaunas, Lithuania"),
    ("Blue Heron School", "Elm Lane 3, Cork, Ireland"),
)
# name, e-mail, phone, index of the organization or None
_PERSONS: tuple[tuple[str, str, str, int | None], ...] = (
    ("Ines Okafor", "ines@harbour.example", "+4940300200", 0),
    ("Jonas Weber", "jonas.weber@harbour.example", "+4940300201", 0),
    ("Marta Silva", "marta@lumen.example", "+351912345678", 1),
    ("Tobias Kern", "kern@nordwind.example", "+4942170010", 2),
    ("Priya Raman", "priya@quayside.example", "+441174960123", 3),
    ("Diego Molina", "diego@terrasol.example", "+34955012345", 4),
    ("Carla Ruiz", "carla@terrasol.example", "+34955012346", 4),
    ("Urs Baumann", "urs.baumann@alpenblick.example", "+41415550100", 5),
    ("Rūta Kazlauskienė", "ruta@kaunastimber.example", "+37037555010", 6),
    ("Aoife Byrne", "aoife@blueheron.example", "+353215550170", 7),
    ("Sam Whitfield", "sam.whitfield@mail.example", "+447700900456", None),
    ("Hanna Lind", "hanna.lind@mail.example", "+46701234567", None),
)
# title, value, person index, stage number, roof option index, status
_DEALS: tuple[tuple[str, float, int, int, int, str], ...] = (
    ("Rooftop array, Hafenstraße", 18400, 0, 3, 0, "open"),
    ("Battery storage, Hafenstraße", 9200, 1, 1, 0, "open"),
    ("Bakery oven offset", 12750.5, 2, 2, 1, "open"),
    ("Warehouse roof, phase 1", 86000, 3, 4, 0, "open"),
    ("Warehouse roof, phase 2", 91500, 3, 0, 0, "open"),
    ("Hotel hot water", 23900, 4, 2, 2, "open"),
    ("Irrigation pumps", 31000, 5, 1, 3, "open"),
    ("Packing hall", 47200, 6, 3, 0, "won"),
    ("Clinic backup power", 64000, 7, 2, 1, "open"),
    ("Sawmill carport", 15800, 8, 0, 2, "open"),
    ("School roof", 28400, 9, 4, 1, "won"),
    ("Family home, Whitfield", 7900, 10, 1, 1, "open"),
    ("Garden studio, Lind", 4100, 11, 0, 2, "lost"),
)
_SERVICE_DEALS: tuple[tuple[str, float, int, int], ...] = (
    ("Yearly check, Harbour Co-op", 1200, 0, 1),
    ("Inverter swap, Lumen Bakery", 2600, 2, 2),
)


def seed_account(account: Account, writes: Records) -> int:
    """What every account has: its owner, whose id is returned, and the pipeline "Sales"."""
    nobody = Actor(0, "app")
    owner = writes.create("user", {"name": "Sandy Box", "email": "sandy@brightfield.example"}, nobody)
    admin = [{**entry, "admin": True} for entry in owner["access"]]
    account.tables["user"][owner["id"]] = {**owner, "has_created_company": True, "access": admin}
    _add_pipeline(writes, Actor(owner["id"], "app"), "Sales", SALES_STAGES)
    user_id: int = owner["id"]
    return user_id


def _add_pipeline(
    writes: Records, actor: Actor, name: str, stages: tuple[tuple[str, int], ...]
) -> list[dict[str, Any]]:
    pipeline = writes.create("pipeline", {"name": name}, actor)
    return [
        writes.create(
            "stage", {"name": stage, "pipeline_id": pipeline["id"], "deal_probability": probability}, actor
        )
        for stage, probability in stages
    ]


def seed_demo(pd: PipedriveSandbox) -> None:
    """Add colleagues, a second pipeline, custom fields, organizations, persons and deals; only once."""
    if any(row["name"] == SERVICE_PIPELINE for row in pd.account.live("pipeline")):
        return
    actor = Actor(pd.me, "app")
    users = [pd.me] + [
        pd.writes.create("user", {"name": name, "email": email}, actor)["id"] for name, email in _COLLEAGUES
    ]
    service_stages = _add_pipeline(pd.writes, actor, SERVICE_PIPELINE, SERVICE_STAGES)
    codes = _add_fields(pd)
    organizations = _add_organizations(pd, actor, users, codes)
    persons = _add_persons(pd, actor, users, organizations, codes)
    _add_deals(pd, actor, users, persons, codes)
    for title, value, person, stage in _SERVICE_DEALS:
        contact = persons[person]
        row = {"title": title, "value": value, "stage_id": service_stages[stage]["id"]}
        pd.writes.create("deal", {**row, "person_id": contact["id"], "org_id": contact["org_id"]}, actor)


def _add_fields(pd: PipedriveSandbox) -> dict[str, str]:
    roofs, interests = ["Flat", "Pitched", "Metal", "None yet"], ["Solar", "Storage", "Charging", "Heat pump"]
    sizes = ["1–10", "11–50", "51–250", "More than 250"]
    wanted: tuple[tuple[str, str, str, list[str] | None], ...] = (
        ("deal", "Roof type", "enum", roofs),
        ("deal", "Interests", "set", interests),
        ("deal", "Roof area", "double", None),
        ("deal", "Deposit", "monetary", None),
        ("deal", "Installation date", "date", None),
        ("deal", "Installation window", "timerange", None),
        ("deal", "Planner", "user", None),
        ("person", "User ID", "varchar", None),
        ("person", "Newsletter topics", "set", interests),
        ("person", "Birthday", "date", None),
        ("person", "Mobile", "phone", None),
        ("organization", "Customer number", "varchar", None),
        ("organization", "Company size", "enum", sizes),
        ("organization", "Yearly power bill", "monetary", None),
        ("organization", "Billing address", "address", None),
    )
    return {
        f"{entity}.{name}": pd.add_field(entity, name, kind, options).code
        for entity, name, kind, options in wanted
    }


def _add_organizations(
    pd: PipedriveSandbox, actor: Actor, users: list[int], codes: dict[str, str]
) -> list[dict[str, Any]]:
    rows = []
    for number, (name, address) in enumerate(_ORGANIZATIONS):
        custom = {
            codes["organization.Customer number"]: f"BF-{1001 + number}",
            codes["organization.Yearly power bill"]: {"value": 4000 + 1750 * number, "currency": "EUR"},
        }
        values = {"name": name, "address": {"value": address}, "owner_id": users[number % len(users)]}
        rows.append(pd.writes.create("organization", {**values, "custom_fields": custom}, actor))
    return rows


def _add_persons(
    pd: PipedriveSandbox,
    actor: Actor,
    users: list[int],
    organizations: list[dict[str, Any]],
    codes: dict[str, str],
) -> list[dict[str, Any]]:
    rows = []
    for number, (name, email, phone, organization) in enumerate(_PERSONS):
        values: dict[str, Any] = {
            "name": name,
            "emails": [{"value": email, "label": "work", "primary": True}],
            "phones": [{"value": phone, "label": "work", "primary": True}],
            "owner_id": users[number % len(users)],
            "custom_fields": {codes["person.User ID"]: f"u-{8801 + number}"},
        }
        if organization is not None:
            values["org_id"] = organizations[organization]["id"]
        rows.append(pd.writes.create("person", values, actor))
    return rows


def _add_deals(
    pd: PipedriveSandbox, actor: Actor, users: list[int], persons: list[dict[str, Any]], codes: dict[str, str]
) -> None:
    stages = pd.account.stages_of(next(pd.account.live("pipeline"))["id"])
    roof = pd.field("deal", "Roof type")
    for number, (title, value, person, stage, roof_option, status) in enumerate(_DEALS):
        contact = persons[person]
        custom: dict[str, Any] = {
            codes["deal.Roof type"]: roof.options[roof_option]["id"],
            codes["deal.Roof area"]: 40.5 + 12 * number,
        }
        values: dict[str, Any] = {
            "title": title,
            "value": value,
            "person_id": contact["id"],
            "org_id": contact["org_id"],
            "owner_id": users[number % len(users)],
            "stage_id": stages[stage]["id"],
            "expected_close_date": f"2027-{1 + number % 12:02d}-15",
            "custom_fields": custom,
        }
        deal = pd.writes.create("deal", values, actor)
        if status != "open":
            pd.writes.update("deal", deal["id"], {"status": status}, actor)
