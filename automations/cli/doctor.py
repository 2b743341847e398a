"""`automations doctor`: everything that can be wrong with an installation, and what to do."""

from __future__ import annotations

from dataclasses import asdict

import click

from automations.cli.finding import Finding
from automations.cli.findings import findings
from automations.cli.installation import opened
from automations.cli.output import json_option, print_json, print_table
from automations.errors import AutomationError


@click.command()
@click.option("--offline", is_flag=True, help="Look at this machine only; ask no other product.")
@json_option
def doctor(offline: bool, as_json: bool) -> None:
    """Check database, keys, clock, public address, connections, webhooks, queue and disk; say what to do.

    Every account is asked one harmless question, unless you say --offline. The exit status is 1 when something has
    failed; a warning alone is 0.

    \b
    Example:
      automations doctor
    """
    found = _found(offline=offline)
    failed = any(finding.state == "failed" for finding in found)
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(finding) for finding in found]})
    else:
        print_table(
            ("check", "state", "seen", "what to do"),
            [(finding.check, finding.state, finding.fact, finding.advice) for finding in found],
        )
    if failed:
        raise click.exceptions.Exit(1)


def _found(*, offline: bool) -> list[Finding]:
    """Return every finding; an installation that does not open is one, too."""
    try:
        with opened() as assembly:
            return list(findings(assembly, offline=offline))
    except AutomationError as error:
        return [Finding("installation", "failed", error.message)]
