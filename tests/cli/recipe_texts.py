"""Recipe files that tests apply: all of them work on connections of the kinds webhook and clevertap."""

GREETING = """
name: Greeting
description: Says hello to whoever is posted.
trigger: {key: webhook.received, connection: shop}
only_if:
  all:
    - {left: "{{ record.name }}", op: exists}
steps:
  - name: words
    action: engine.set
    fields: {values: {hello: "Hello {{ record.name }}"}}
"""

BROKEN = """
name: Broken
trigger: {key: webhook.recieved, connection: shop}
steps:
  - name: words
    action: engine.set
    fields: {valeus: {hello: "Hello"}}
"""

PROFILE = """
name: Posted profile
trigger: {key: webhook.received, connection: shop}
only_if:
  all:
    - {left: "{{ record.email }}", op: exists}
steps:
  - name: profile
    action: clevertap.upload_profile
    connection: acme-clevertap
    fields:
      identity: "{{ record.email | normalize_email }}"
      properties: {Name: "{{ record.name }}"}
samples:
  - {name: Ana, record: {id: 7, name: Ana, email: Ana@Example.com}}
  - {name: Nobody, record: {id: 8}}
tests:
  - sample: Ana
    expect:
      outcome: ok
      requests:
        - {method: POST, path: /1/upload, body: {d: [{identity: ana@example.com, profileData: {Name: Ana}}]}}
  - sample: Nobody
    expect: {outcome: filtered, requests: []}
"""
