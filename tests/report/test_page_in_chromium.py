"""The report as a reader meets it: a file opened in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.report.chromium import chromium, fits, needs_chromium, outcomes, tab, visit
from tests.report.runs_by_hand import HOSTILE, chain, hostile, judge, mixed, write_run
from toolenv.report.page import write_report
from toolenv.report.visible import visible
from toolenv.tasks import Task

pytestmark = needs_chromium

EPISODE = "#episode/first/588/dfsdt/script/0"
SIDE_BY_SIDE = "#compare/first/588/dfsdt/script/0/first/588/react/script/0"
VIEWS = ["#summary", "#episodes", "#runs", EPISODE, SIDE_BY_SIDE]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report on a judged run and a hostile one."""
    folder = tmp_path_factory.mktemp("report")
    first = write_run(folder / "first", mixed())
    judge(first)
    second = write_run(folder / "second", [hostile(t, n) for n, t in enumerate(HOSTILE)])
    write_report([first, second], folder / "report.html")
    return (folder / "report.html").as_uri()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with tab(browser) as found:
        yield found


def test_no_text_from_a_run_is_obeyed(page: Page, report: str) -> None:
    page.goto(f"{report}#episodes?run=second")
    expect(page.locator(".row")).to_have_count(len(HOSTILE))
    for number, text in enumerate(HOSTILE):
        page.locator(".row").nth(number).click()
        title = page.locator("#episode-title")
        expect(title).to_contain_text(f"Task hostile {number} ")  # not the one before any more
        expect(page.locator(".step")).to_have_count(1)
        expect(page.locator("#view-episode")).to_contain_text(visible(text).split()[0])
        page.locator("#back").click()
    assert page.title() == "first, second"
    assert page.locator("#pwned, img, .pwned").count() == 0
    assert page.evaluate("document.body.id") == ""


def test_markup_from_text_is_refused_by_the_browser_itself(browser: Browser, report: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(report)
    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return false } catch { return true } }"
    )
    assert refused
    context.close()


def test_an_episode_is_unpacked_once_it_is_opened(page: Page, report: str) -> None:
    page.goto(f"{report}#episodes")
    page.get_by_role("link", name="588").first.click()
    expect(page.locator("#episode-title")).to_have_text("Task 588")
    expect(page.locator(".step")).to_have_count(6)
    step = page.locator("#step-3")
    expect(step.locator(".call")).to_have_text('alerts_for_weather(area="Paris")')
    expect(step.locator("pre")).to_have_text('{"error":"","response":{"alerts":[]}}')
    expect(step.locator(".facts-line")).to_have_text(re.compile("ok.*source llm.*origin simulated"))
    step.get_by_text("Diversity message").click()
    expect(step.get_by_text("take a different step")).to_be_visible()
    page.get_by_role("button", name="Format JSON").click()
    assert '\n  "error": ""' in (page.locator("#step-3 pre").text_content() or "")


def test_episodes_are_filtered_searched_and_sorted(page: Page, report: str) -> None:
    page.goto(f"{report}#episodes")
    expect(page.locator(".row")).to_have_count(43)
    page.get_by_label("Run", exact=True).select_option("first")
    page.get_by_label("Agent", exact=True).select_option("dfsdt")
    expect(page.locator(".row")).to_have_count(12)
    page.get_by_label("Outcome").select_option("failed")
    expect(page.locator("#shown")).to_have_text("3 of 43, 0.0 % of 3 decided passed")
    assert set(outcomes(page)) == {"failed"}
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Error", exact=True).select_option("rate_limited")
    expect(page.locator(".row")).to_have_count(12)
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Verdict", exact=True).select_option("careful: passed")
    expect(page.locator(".row")).to_have_count(14)
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Order").select_option("steps")
    expect(page.locator(".row").first).to_contain_text("6 steps")
    page.get_by_label("Search instructions").fill("no warnings; 21")
    expect(page.locator(".row")).to_have_count(12)


def test_the_address_holds_what_is_shown(page: Page, report: str) -> None:
    page.goto(f"{report}#episodes")
    page.get_by_label("Agent", exact=True).select_option("react")
    page.get_by_label("Search instructions").fill("588")
    expect(page.locator(".row")).to_have_count(2)
    again = page.url
    assert again.endswith("#episodes?text=588&agent=react")
    page.goto("about:blank")
    page.goto(again)
    expect(page.locator(".row")).to_have_count(2)
    expect(page.get_by_label("Agent", exact=True)).to_have_value("react")


def test_the_list_is_found_again_where_it_was_left(page: Page, report: str) -> None:
    page.goto(f"{report}#episodes?run=first")
    row = page.locator(".row").nth(30)
    row.click()
    expect(page.locator("#episode-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row).to_be_focused()
    expect(row).to_be_in_viewport()


def test_steps_are_searched_when_asked(page: Page, report: str) -> None:
    page.goto(f"{report}#episodes")
    page.get_by_label("Search instructions").fill("that leads nowhere")
    expect(page.locator(".row")).to_have_count(0)
    page.get_by_label("steps too").check()
    expect(page.locator(".row")).to_have_count(12)


def test_a_link_to_a_step_opens_it(page: Page, report: str) -> None:
    page.goto(f"{report}{EPISODE}/4")
    expect(page.locator("#step-4")).to_have_class(re.compile(r"\bat\b"))
    expect(page.locator("#step-4")).to_be_in_viewport()
    expect(page.locator('[role=treeitem][aria-selected="true"]')).to_contain_text("4 tides")
    page.goto(f"{report}#episode/first/588/nobody/script/0")
    expect(page.get_by_text("There is no such episode")).to_be_visible()
    page.go_back()
    expect(page.locator("#step-4")).to_be_in_viewport()


def test_the_tree_shows_what_became_of_each_step(page: Page, report: str) -> None:
    page.goto(f"{report}{EPISODE}")
    nodes = page.locator("[role=treeitem]")
    expect(nodes).to_have_count(6)
    states = [
        re.findall(r"state-(\w+)", nodes.nth(n).get_attribute("class") or "") for n in range(6)
    ]
    chosen, back, gave_up, limit = "success", "backtracked", "gave_up", "limit"
    assert [state for (state,) in states] == [chosen, back, gave_up, chosen, limit, chosen]
    assert page.locator(".edge.diversity").count() == 1
    assert page.locator(".node .diamond").count() == 1
    expect(page.locator(".legend")).to_contain_text("on the path that passed")
    page.get_by_text("The tree as a list").click()
    branches = page.locator(".tree-list > ul > li > ul > li")
    expect(branches).to_have_count(2)
    expect(branches.first).to_contain_text("Branch 1 of 2")
    expect(branches.nth(1)).to_contain_text("made when shown its siblings")


def test_the_tree_is_moved_and_zoomed(page: Page, report: str) -> None:
    page.goto(f"{report}{EPISODE}")
    drawing = page.locator("svg.tree[viewBox]")
    seen = [drawing.get_attribute("viewBox")]
    page.get_by_role("button", name="Zoom in").click()
    seen.append(drawing.get_attribute("viewBox"))
    box = drawing.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 60, steps=3)
    page.mouse.up()
    seen.append(drawing.get_attribute("viewBox"))
    assert len(set(seen)) == 3
    page.get_by_role("button", name="Fit the tree").click()
    assert drawing.get_attribute("viewBox") == seen[0]


def test_a_tree_of_thousands_is_drawn_where_it_is_looked_at(
    browser: Browser, tmp_path: Path
) -> None:
    task = Task(id="long", instruction="?")
    look, end = chain(task).steps
    looks = (look._replace(parent=n - 1) for n in range(2_000))
    steps = (*looks, end._replace(parent=1_999))
    episode = replace(chain(task), steps=steps, chosen=2_000)
    write_report([write_run(tmp_path / "run", [episode])], tmp_path / "report.html")
    with tab(browser) as page:
        visit(page, f"{(tmp_path / 'report.html').as_uri()}#episode/run/long/react/script/0")
        assert 0 < page.locator("[role=treeitem]").count() < 200
        assert page.locator(".step:has(.call)").count() < 500
        page.keyboard.press("g")
        page.keyboard.press("End")
        expect(page.locator("[role=treeitem]:focus")).to_contain_text("2000 Finish")
        expect(page.locator("#step-2000")).to_be_in_viewport()
        expect(page.locator("#step-2000 .call")).to_contain_text("Finish(")
        assert page.locator("[role=treeitem]").count() < 200


def test_everything_can_be_done_by_keyboard(page: Page, report: str) -> None:
    visit(page, report)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("21 °C")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    expect(page.locator(".row").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".step")).to_have_count(6)
    expect(page.locator("#episode-title")).to_be_focused()
    page.keyboard.press("g")
    at = page.locator("[role=treeitem]:focus")
    for key, label in (
        ("ArrowDown", "Step 1, alerts"),
        ("ArrowRight", "Step 3, alerts"),
        ("ArrowDown", "Step 4, tides"),
        ("ArrowUp", "Step 3, alerts"),
        ("End", "Step 5, Finish"),
        ("Home", "Step 0, search"),
    ):
        page.keyboard.press(key)
        expect(at).to_have_attribute("aria-label", re.compile(f"^{label}"))
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("#step-5")).to_be_focused()
    page.keyboard.press("]")
    expect(page.locator("#episode-title")).to_have_text("Task 588")
    expect(page.locator(".step")).to_have_count(2)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#shown")).to_be_visible()


def test_two_episodes_stand_side_by_side_aligned_by_call(page: Page, report: str) -> None:
    page.goto(f"{report}{EPISODE}")
    page.get_by_label("Compare with another episode").select_option(
        label="passed: react · script · seed 0 · first"
    )
    told = page.locator(".pair .told")
    expect(told).to_have_text(
        [
            "the same function, other arguments",
            "on one side alone",
            "the same function, other arguments",
        ]
    )
    sides = page.locator(".pair").last.locator(".side")
    expect(sides.first).to_contain_text("Step 5")
    expect(sides.last).to_contain_text("Step 1")
    one, other = (sides.nth(n).bounding_box() for n in range(2))
    assert one and other and one["y"] == other["y"] and one["x"] < other["x"]


def test_nothing_is_compared_with_a_task_of_the_same_name(page: Page, tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, [chain(Task(id="1", instruction=said))])
        for name, said in (("first", "Of one."), ("second", "Of another."), ("third", "Of one."))
    ]
    write_report(runs, tmp_path / "report.html")
    page.goto(f"{(tmp_path / 'report.html').as_uri()}#episode/first/1/react/script/0")
    options = page.get_by_label("Compare with another episode").locator("option")
    expect(options).to_have_text(["Compare with …", re.compile(" · third$")])


def test_a_verdict_is_shown_with_its_votes_path_and_evidence(page: Page, report: str) -> None:
    page.goto(f"{report}#episode/first/589/dfsdt/script/0")
    verdict = page.get_by_role("region", name="Verdict careful")
    expect(verdict).to_contain_text("careful: failed 2 failed · tree tooleval")
    vote = verdict.locator("details").first
    expect(vote.locator("summary")).to_contain_text("finished: yes → answered: yes")
    vote.locator("summary").click()
    expect(vote).to_contain_text("does not stand in what was shown")
    expect(vote).to_contain_text("(a fact of the episode)")
    expect(vote).to_contain_text("failed: the task can be carried out, and the answer does not")


def test_the_theme_follows_the_system_until_it_is_chosen(browser: Browser, report: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with tab(browser, color_scheme="dark") as page:
        page.goto(report)
        dark = page.evaluate(ground)
        page.get_by_role("button", name="Theme: auto").click()
        assert page.evaluate(ground) == dark
        page.get_by_role("button", name="Theme: dark").click()
        light = page.evaluate(ground)
        assert light != dark
        page.reload()
        expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
        assert page.evaluate(ground) == light


def test_a_phone_never_scrolls_sideways(browser: Browser, report: str) -> None:
    with tab(browser, width=360, height=740, has_touch=True) as page:
        for view in VIEWS:
            page.goto("about:blank")
            visit(page, f"{report}{view}")
            assert fits(page), view
            assert page.evaluate("scrollY") == 0, view


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_bars_anyone(browser: Browser, tmp_path: Path, theme: str) -> None:
    """No violation of what axe checks: names, roles, contrast, focus, structure."""
    run = write_run(tmp_path / "first", mixed()[:9])
    judge(run)
    write_report([run], tmp_path / "report.html")
    report = (tmp_path / "report.html").as_uri()
    with tab(browser, color_scheme=theme, bypass_csp=True) as page:
        for view in VIEWS:
            page.goto("about:blank")
            visit(page, f"{report}{view}")
            page.evaluate(
                "document.querySelectorAll('details').forEach((one) => { one.open = true })"
            )
            found = Axe().run(page, options={"resultTypes": ["violations"]})
            assert found.violations_count == 0, f"{view}\n{found.generate_report()}"


def test_without_a_script_the_summary_stands(browser: Browser, report: str) -> None:
    with tab(browser, java_script_enabled=False) as page:
        page.goto(report)
        expect(page.get_by_role("heading", name="Leaderboard")).to_be_visible()
        expect(page.get_by_text("allow scripts to see them")).to_be_visible()
        expect(page.get_by_role("heading", name="Configuration")).to_have_count(0)
