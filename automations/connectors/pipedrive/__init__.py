"""Pipedrive: what happens there starts recipes, and recipes write into it.

Where things live:

- `connection.py`: the settings of an account, and what the engine asks of this connector
- `receiver.py`, `records.py`, `legacy_shape.py`: webhooks of both versions become one record shape, REST v2's
- `entity_triggers.py`, `narrowing.py`, `samples.py`, `triggers/`: when a recipe starts; one file a trigger
- `related.py`, `custom_fields.py`: records that belong to a record, for templates
- `client.py`, `replies.py`, `lists.py`: the calls, what answers mean, the account's lists
- `hooks.py`: webhooks at Pipedrive
- `matching.py`, `links.py`, `values.py`, `contact_details.py`, `actions/`: writing; one file an action
"""
