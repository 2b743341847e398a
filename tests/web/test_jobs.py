"""Long work on the pages: how far it is, and what a person may do to it."""

from __future__ import annotations

import pytest

from automations.engine.backfill import Wish
from automations.model.states import Role
from tests.engine.conftest import ToyHouse
from tests.engine.test_backfill import AT, do_jobs
from tests.web.builder_pages import Browser


@pytest.fixture
def job_id(toys: ToyHouse) -> int:
    recipe_id = toys.recipe(steps=[toys.step("{{ thing.id }}")])
    for number in range(1, 401):
        toys.target.keep(number, AT)
    job = toys.assembly.backfills.start(recipe_id, Wish(), by="ana@example.com")
    return job.id or 0


def test_no_long_work_says_what_would_be_here(toys: ToyHouse) -> None:
    assert "No long work yet" in Browser.signed_in(toys.assembly).get("/jobs")


def test_a_job_shows_how_far_it_is_and_htmx_asks_again(toys: ToyHouse, job_id: int) -> None:
    page = Browser.signed_in(toys.assembly)
    begun = page.get(f"/jobs/{job_id}")
    assert "Existing records through &#39;note&#39;." in begun
    assert 'hx-trigger="every 2s"' in begun
    assert "ana@example.com" in begun
    for _ in range(2):
        toys.assembly.jobs.work_due("w/1/a")
    part = page.client.get(f"/jobs/{job_id}", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert '<progress max="100" value="50"' in part
    assert "<dt>Sent through</dt><dd>200</dd>" in part
    do_jobs(toys)
    over = page.get(f"/jobs/{job_id}")
    assert "hx-trigger" not in over
    assert "<dt>There are</dt><dd>400 records</dd>" in over
    assert "400 sent through" in page.get("/jobs")


def test_a_person_pauses_resumes_and_cancels_it(toys: ToyHouse, job_id: int) -> None:
    page = Browser.signed_in(toys.assembly)
    page.get(f"/jobs/{job_id}")
    for move, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        answer = page.post(f"/jobs/{job_id}/{move}")
        assert answer.headers["Location"] == f"/jobs/{job_id}"
        assert toys.assembly.jobs.get(job_id).state == state
    page.post(f"/jobs/{job_id}/resume")
    assert "cannot become queued any more" in page.get(f"/jobs/{job_id}")
    assert page.post(f"/jobs/{job_id}/burn").status_code == 404
    page.get("/jobs/999", 404)


def test_a_job_that_stopped_by_itself_is_marked_in_the_side_bar(toys: ToyHouse, job_id: int) -> None:
    toys.assembly.recipes.switch("note", enabled=False)
    toys.assembly.jobs.work_due("w/1/a")
    page = Browser.signed_in(toys.assembly)
    assert "Resume" in page.get(f"/jobs/{job_id}")
    assert "is off" in page.get("/jobs")
    assert '<span>1</span><span class="unseen"> stopped' in page.get("/")


def test_a_viewer_sees_jobs_and_changes_none(toys: ToyHouse, job_id: int) -> None:
    page = Browser.signed_in(toys.assembly, Role.VIEWER)
    assert "Pause" not in page.get(f"/jobs/{job_id}")
    assert page.post(f"/jobs/{job_id}/pause").status_code == 403
