"""How other programs are made to send here: a few lines for each published SDK, with the address and the key in place.

Source: the SDKs as published on 2026-11-22: segment-analytics-python 2.4.0, rudder-sdk-python 2.1.9,
@segment/analytics-node 3.1.0, analytics-node 6.2.0, @rudderstack/rudder-sdk-node 3.0.13, @segment/analytics-next 1.84.
"""

from __future__ import annotations

from string import Template
from typing import Final
from urllib.parse import urlsplit

from automations.engine.contracts import Snippet

_CURL: Final = """\
curl "$address/v1/track" -u "$key:" -H "Content-Type: application/json" \\
  -d '{"userId": "cust-88", "event": "Demo Requested", "properties": {"product": "Pump X2", "value": 4200}}'"""

_PYTHON: Final = """\
# pip install segment-analytics-python
import segment.analytics as analytics

analytics.write_key = "$key"
analytics.host = "$address"

analytics.identify("cust-88", {"email": "ines@fabrik.example", "name": "Ines Moreau"})
analytics.track("cust-88", "Demo Requested", {"product": "Pump X2", "value": 4200})
analytics.flush()"""

_RUDDER_PYTHON: Final = """\
# pip install rudder-sdk-python
import rudderstack.analytics as rudder

rudder.write_key = "$key"
rudder.dataPlaneUrl = "$address"

rudder.identify("cust-88", {"email": "ines@fabrik.example", "name": "Ines Moreau"})
rudder.track("cust-88", "Demo Requested", {"product": "Pump X2", "value": 4200})
rudder.flush()"""

_NODE: Final = """\
// npm install @segment/analytics-node
import { Analytics } from '@segment/analytics-node'

const analytics = new Analytics({ writeKey: '$key', host: '$address' })
analytics.identify({ userId: 'cust-88', traits: { email: 'ines@fabrik.example', name: 'Ines Moreau' } })
analytics.track({ userId: 'cust-88', event: 'Demo Requested', properties: { product: 'Pump X2', value: 4200 } })
await analytics.closeAndFlush()"""

_OLD_NODE: Final = """\
// npm install analytics-node
const Analytics = require('analytics-node')

const analytics = new Analytics('$key', { host: '$address' })
analytics.identify({ userId: 'cust-88', traits: { email: 'ines@fabrik.example', name: 'Ines Moreau' } })
analytics.track({ userId: 'cust-88', event: 'Demo Requested', properties: { product: 'Pump X2', value: 4200 } })
analytics.flush()"""

_RUDDER_NODE: Final = """\
// npm install @rudderstack/rudder-sdk-node
const Analytics = require('@rudderstack/rudder-sdk-node')

const client = new Analytics('$key', { dataPlaneUrl: '$address' })
client.identify({ userId: 'cust-88', traits: { email: 'ines@fabrik.example', name: 'Ines Moreau' } })
client.track({ userId: 'cust-88', event: 'Demo Requested', properties: { product: 'Pump X2', value: 4200 } })
client.flush()"""

_BROWSER: Final = """\
// npm install @segment/analytics-next; add the origin of your pages to "Web pages that may send".
import { AnalyticsBrowser } from '@segment/analytics-next'

const analytics = AnalyticsBrowser.load({
  writeKey: '$key',
  cdnSettings: { integrations: { 'Segment.io': { apiHost: '$host/v1', protocol: '$protocol' } } },
})
analytics.identify('cust-88', { email: 'ines@fabrik.example', name: 'Ines Moreau' })
analytics.track('Demo Requested', { product: 'Pump X2', value: 4200 })"""

_ALL: Final = (
    ("curl", _CURL),
    ("Python: segment-analytics-python", _PYTHON),
    ("Python: rudder-sdk-python", _RUDDER_PYTHON),
    ("Node: @segment/analytics-node", _NODE),
    ("Node: analytics-node", _OLD_NODE),
    ("Node: @rudderstack/rudder-sdk-node", _RUDDER_NODE),
    ("Browser: @segment/analytics-next", _BROWSER),
)


def snippets(address: str, write_key: str) -> list[Snippet]:
    """Return one snippet for each SDK. address: where this installation is reached, such as `https://a.example`."""
    parts = urlsplit(address)
    # The browser's SDK wants the host without a scheme, and a path before /v1 with it.
    host = f"{parts.netloc}{parts.path.rstrip('/')}"
    values = {"address": address.rstrip("/"), "key": write_key, "host": host, "protocol": parts.scheme}
    return [Snippet(title, Template(text).substitute(values)) for title, text in _ALL]
