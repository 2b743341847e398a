"""The benchmark measures what it says, and keeps what it measured."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report
from bench.figures import Figure, to_reach
from bench.load import Order
from bench.overview import overview
from bench.processes import ROOT, BenchError, ask, load, target
from bench.speed import FLASK_PER_S, REQUESTS_PER_S, Look, Pace
from bench.webhooks import Address, body


def an_address(port: int) -> Address:
    return Address(port, "/hooks/pipedrive/token", "user", "password")


def test_a_webhook_is_json_of_a_real_ones_size() -> None:
    content = body(7, 41)
    told = json.loads(content)
    assert (told["data"]["id"], told["data"]["value"], told["meta"]["entity_id"]) == (7, 41, "7")
    assert told["previous"]["stage_id"] != told["data"]["stage_id"]
    assert 1_100 < len(content) < 1_400


def test_what_is_sent_is_what_the_sink_counts(tmp_path: Path) -> None:
    with target(tmp_path / "log") as sink:
        sent = load(Order(an_address(sink.port), first=1, count=300, deals=150))
        seen = sink.seen(reset=True)
        assert (sent.accepted, seen.calls, seen.records) == (300, 300, 300)
        assert 0 < sent.p50_ms <= sent.p99_ms
        assert sent.began_s < seen.first_s <= seen.last_s < sent.ended_s
        assert sink.seen().calls == 0


def test_a_paced_load_tells_when_each_was_sent(tmp_path: Path) -> None:
    with target(tmp_path / "log") as sink:
        sent = load(Order(an_address(sink.port), first=5, count=4, deals=4, each_s=0.01))
    assert sorted(sent.sent_at_s) == ["5", "6", "7", "8"]
    # A busy machine may send any of them late, the first, too; none leaves before its time.
    for paces, number in enumerate(["5", "6", "7", "8"]):
        assert sent.sent_at_s[number] >= sent.began_s + paces * 0.01


def test_a_refused_webhook_stops_the_benchmark(tmp_path: Path) -> None:
    with target(tmp_path / "log", sandbox=True) as sandbox:
        nowhere = Address(sandbox.port, "/nowhere", "user", "password")
        with pytest.raises(BenchError, match="refused"):
            load(Order(nowhere, first=1, count=3, deals=3))


def test_the_bare_loop_calls_the_sink_it_is_told(tmp_path: Path) -> None:
    with target(tmp_path / "log") as sink:
        rate = ask(["bench.limits", "requests"], {"port": sink.port, "seconds": 0.2, "threads": 2})
        assert sink.seen().calls == pytest.approx(rate * 0.2)


def test_a_figure_is_the_median_and_must_reach_all_that_is_asked() -> None:
    figure = Figure("k", "t", "/s", [10, 900, 100], 200, "a limit", at_least=50, ratio_at_least=0.6)
    assert (figure.value, figure.ratio, figure.is_reached) == (100, 0.5, False)
    assert figure.to_reach == "≥ 50, ratio ≥ 0.6"
    assert Figure("k", "t", "ms", [3], at_most=8).is_reached
    assert Figure("k", "t", "ms", [3]).is_reached is None


def test_the_ledger_keeps_every_run_and_takes_new_figures(tmp_path: Path) -> None:
    facts = {"date": "one"}
    report.keep(tmp_path, [Figure("a", "A", "/s", [1])], facts)
    report.keep(tmp_path, [Figure("b", "B", "/s", [2], 4, "limit")], {"date": "two"})
    with (tmp_path / "ledger.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {"date": "one", "a": "1", "b": "", "b_ratio": ""}
    assert second == {"date": "two", "a": "", "b": "2", "b_ratio": "0.500"}


def test_the_readme_keeps_its_words_around_the_table(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report._BEGIN}\nold\n{report._END}\nafter\n")
    report.keep(tmp_path, [Figure("a", "A thing", "/s", [1])], {"date": "one"})
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| A thing | 1 /s |" in text
    assert "old" not in text


def test_the_command_measures_prints_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = set((ROOT / "instance").glob("bench-*"))
    words = [sys.executable, "-m", "bench", "--quick", "--only", "test-run", "--keep", str(tmp_path / "kept")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=90, check=True)
    assert "test-run of a gallery recipe" in done.stdout
    (figure,) = json.loads((tmp_path / "kept" / "last.json").read_text())["figures"]
    assert figure["key"] == "test_run_ms"
    assert set((ROOT / "instance").glob("bench-*")) <= before


def test_a_slower_machine_is_asked_for_as_much_less() -> None:
    figure = Figure("k", "t", "/s", [1_400], at_least=3_000, speed=0.45)
    assert (figure.is_reached, figure.to_reach) == (True, "≥ 3,000 (here 1,350)")
    slow = Figure("k", "t", "ms", [18.1], at_most=8, speed=0.45)
    assert (slow.is_reached, slow.to_reach) == (False, "≤ 8 (here 17.8)")


def test_figures_that_were_judged_apart_say_the_least_and_the_most_that_was_asked() -> None:
    figures = [Figure("k", "t", "/s", [900], at_least=2_000, speed=speed) for speed in (0.6, 0.5, 0.55)]
    assert to_reach(figures) == "≥ 2,000 (here 1,000 to 1,200)"


def test_a_pace_is_the_mean_of_what_was_seen_before_and_after() -> None:
    pace = Pace([Look(FLASK_PER_S, 300), Look(FLASK_PER_S / 2, REQUESTS_PER_S / 2)])
    assert pace.speed == pytest.approx(0.75)
    assert pace.calls_speed == pytest.approx(0.35)


def test_the_overview_puts_databases_and_workers_side_by_side() -> None:
    figures = [
        Figure("intake_per_s", "accepted", "/s", [3_100], at_least=3_000),
        Figure("sqlite_1w_single_per_s", "one call each", "/s", [900], at_least=800),
        Figure("postgres_4w_single_per_s", "one call each", "/s", [700], at_least=800),
        Figure("history_sqlite_list_ms", "the list", "ms", [40], at_most=100),
        Figure("history_sqlite_home_ms", "the home page", "ms", [120], at_most=100),
    ]
    assert overview(figures) == [
        ("webhooks accepted, on disk, /s", "3,100", "3,100", "3,100", "", "", "", "≥ 3,000"),
        ("through, one call each, /s", "900", "", "", "", "", "700 ✗", "≥ 800"),
        (
            "slowest page at a million runs, 95th percentile, ms",
            "120 ✗",
            "120 ✗",
            "120 ✗",
            "",
            "",
            "",
            "≤ 100",
        ),
    ]
