"""The pages as people use them: opened in headless Chromium, clicked, filtered, on a phone, in the dark."""

import copy
import dataclasses
import shutil
from pathlib import Path

import pytest

from echosounder import reports
from echosounder.reports import history, matrix

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver (Debian packages of these names)"
)
AXE = Path(__file__).parents[2] / ".field/reports/node_modules/axe-core/axe.min.js"
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Writes a report's page, opens it at a width in a colour scheme, and finds no complaint in the console at the end."""

    def open_page(report, run=None, width=1200, scheme="light"):
        emulate(browser, width, scheme)
        page = tmp_path / "report.html"
        html = report if isinstance(report, str) else reports.render("html", report, run)
        page.write_text(html, encoding="utf-8")
        browser.get(page.as_uri())
        return browser

    yield open_page
    assert complaints(browser) == []


def complaints(browser):
    """What the console says; not of the browser's own first page, which finds a busy machine's network slow."""
    return [said["message"] for said in browser.get_log("browser") if not said["message"].startswith("chrome://")]


def emulate(browser, width, scheme):
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def click(browser, selector):
    (element,) = find(browser, selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    element.click()
    browser.execute_async_script("setTimeout(arguments[0], 20)")  # the page acts on a link after the browser did


def shown(browser):
    script = "return [...document.querySelectorAll('[data-row]')].filter((row) => row.checkVisibility()).map((row) => row.id)"
    return [id.removeprefix("r-") for id in browser.execute_script(script)]


def in_view(browser, element):
    script = "const r = arguments[0].getBoundingClientRect(); return r.top < innerHeight && r.bottom > 0"
    return element.is_displayed() and browser.execute_script(script, element)


def test_two_clicks_lead_from_the_verdict_to_the_bytes(opened, check_report, check_run):
    browser = opened(check_report, check_run)
    click(browser, ".lead a")
    excerpts = [e for e in find(browser, "#r-stream\\.ends-with-done .excerpt") if in_view(browser, e)]
    assert [e.text for e in excerpts] == [check_report["requirements"][1]["findings"][0]["excerpt"]]
    click(browser, "#r-stream\\.ends-with-done .place a")
    (row,) = find(browser, ".row:target")
    assert in_view(browser, row)
    assert "event 11 · byte" in row.text
    assert 'data: {"choices":[{"index":0,"delta":{"content":"w11"}}]}' in row.text


@pytest.mark.parametrize("facet", ["verdict", "level"])
def test_each_box_shows_the_requirements_that_it_names(opened, check_report, facet):
    browser = opened(check_report)
    for value in {row[facet] for row in check_report["requirements"]}:
        click(browser, f"input[name={facet}][value={value}]")
        assert set(shown(browser)) == {row["id"] for row in check_report["requirements"] if row[facet] == value}
        click(browser, f"input[name={facet}][value={value}]")


def test_the_button_clears_every_filter(opened, check_report):
    browser = opened(check_report)
    click(browser, "input[value=fail]")
    find(browser, "input[type=search]")[0].send_keys("usage")
    assert shown(browser) == ["usage.sum"]
    click(browser, "button[type=reset]")
    assert len(shown(browser)) == len(check_report["requirements"])


def test_boxes_of_one_kind_add_and_kinds_narrow(opened, check_report):
    browser = opened(check_report)
    for box in ("input[value=fail]", "input[value=nonstrict]"):
        click(browser, box)
    assert len(shown(browser)) == 3
    click(browser, "input[value=SHOULD]")
    assert shown(browser) == ["stream.line-ends"]
    assert find(browser, "[role=status]")[0].text == "1 of 9 shown"


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("total_tokens", ["usage.sum"]),
        ("STREAM done", ["stream.ends-with-done"]),
        ("no such words", []),
    ],
)
def test_search_looks_into_ids_titles_messages_and_bytes(opened, check_report, words, ids):
    browser = opened(check_report)
    find(browser, "input[type=search]")[0].send_keys(words)
    assert shown(browser) == ids


def test_the_list_of_areas_filters(opened, check_report):
    browser = opened(check_report)
    find(browser, "select[name=area]")[0].send_keys("usage")
    assert set(shown(browser)) == {"usage.sum", "usage.stream-once"}


def test_a_count_of_the_verdict_filters_by_it(opened, check_report):
    browser = opened(check_report)
    click(browser, "a[data-verdict=untestable]")
    assert shown(browser) == ["usage.stream-once"]


def test_a_filtered_requirement_comes_back_when_a_link_leads_to_it(opened, check_report):
    browser = opened(check_report)
    click(browser, "input[value=pass]")
    browser.execute_script("location.hash = '#r-usage.sum'")
    assert browser.execute_async_script(
        "setTimeout(() => arguments[0](document.getElementById('r-usage.sum').open), 50)"
    )
    assert "usage.sum" in shown(browser)


def test_the_page_works_by_keyboard_alone(opened, check_report):
    browser = opened(check_report)
    from selenium.webdriver.common.keys import Keys as keys  # noqa: N813

    browser.find_element("tag name", "body").send_keys(keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the report"
    browser.switch_to.active_element.send_keys(keys.TAB)
    reached = browser.switch_to.active_element
    assert reached.get_attribute("href").endswith("#r-stream.ends-with-done")
    reached.send_keys(keys.ENTER)
    assert browser.execute_async_script(
        "setTimeout(() => arguments[0](document.querySelector('.requirement[open]').id), 50)"
    )


def test_every_control_has_a_name_for_screen_readers(opened, check_report, check_run):
    browser = opened(check_report, check_run)
    for control in find(browser, "input, select, button, summary, a, [role=region], [role=img]"):
        if control.is_displayed():
            assert control.accessible_name, control.get_attribute("outerHTML")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("report", "run"), [("check_report", "check_run"), ("load_report", "load_run"), ("hostile_report", "hostile_run")]
)
def test_a_phone_scrolls_down_only(opened, request, report, run, scheme):
    browser = opened(request.getfixturevalue(report), request.getfixturevalue(run), 390, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach((node) => { node.open = true })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


def test_dark_is_dark_and_light_is_light(opened, load_report):
    def background(scheme):
        script = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
        return sum(opened(load_report, scheme=scheme).execute_script(script))

    assert background("dark") < 150 < 600 < background("light")


@pytest.fixture
def matrix_page(check_report, check_run):
    other = copy.deepcopy(check_report)
    other["requirements"][0]["verdict"] = "fail"
    return matrix.render([matrix.Column("mock", check_report, check_run), matrix.Column("clone", other)])


@pytest.mark.parametrize(
    ("box", "ids"),
    [
        ("input[name=differs]", {"stream.content-type"}),
        ("input[value=untestable]", {"usage.stream-once"}),
        ("input[value=pass]", {"stream.content-type"}),
        ("input[value=MAY]", {"tools.required"}),
    ],
)
def test_the_matrix_filters_by_difference_verdict_and_level(opened, matrix_page, box, ids):
    browser = opened(matrix_page)
    click(browser, box)
    assert set(shown(browser)) == ids


def test_a_cell_of_the_matrix_leads_to_its_finding(opened, matrix_page):
    browser = opened(matrix_page)
    click(browser, "#r-usage\\.sum td:nth-of-type(2) a")
    (details,) = find(browser, "details:target")
    assert details.get_attribute("open")
    assert '"total_tokens":11' in details.text
    assert in_view(browser, details)


def test_the_matrix_fits_a_phone(opened, matrix_page):
    browser = opened(matrix_page, width=390)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


@pytest.fixture
def history_page(check_report, load_report):
    def entry(day, report, **known):
        about = (report["target"]["url"], report["target"]["model"])
        return history.HistoryRow(
            f"run{day}", known.pop("kind"), f"2026-11-0{day}T10:00:00Z", *about, "x", "pass", **known
        )

    checks = [entry(day, check_report, kind="check", passed=day, broken=9 - day) for day in (1, 2, 3)]
    loads = [entry(day, load_report, kind="load", ttft_p50_ms=5.0, ttft_p99_ms=9.0 * day) for day in (1, 2)]
    return history.render(checks + loads)


@pytest.mark.field
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("page", ["check", "proxied", "load", "matrix", "history", "hostile"])
def test_axe_finds_nothing_to_complain_of(opened, request, page, width, scheme):
    if not AXE.exists():
        pytest.skip("needs axe-core: make .field/reports/ready")
    whole = {"matrix": "matrix_page", "history": "history_page"}
    if page in whole:
        browser = opened(request.getfixturevalue(whole[page]), width=width, scheme=scheme)
    else:
        name = "check" if page == "proxied" else page
        run = request.getfixturevalue("proxied_run" if page == "proxied" else f"{name}_run")
        browser = opened(request.getfixturevalue(f"{name}_report"), run, width, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach((node) => { node.open = true })")
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    script = (
        "axe.run().then((found) => arguments[0](found.violations.map((one) => [one.id, one.nodes.map((n) => n.html)])))"
    )
    assert browser.execute_async_script(script) == []


@pytest.fixture
def proxied_run(check_run):
    """Behind a proxy: each exchange has the upstream's side of it."""
    sides = [
        dataclasses.replace(one, id=f"{one.id}-up", side="upstream", notes={"of": one.id})
        for one in check_run.exchanges
    ]
    return dataclasses.replace(check_run, exchanges=(*check_run.exchanges, *sides))


def test_what_a_hostile_target_sent_does_not_run(opened, hostile_report, hostile_run):
    browser = opened(hostile_report, hostile_run)
    browser.execute_script("document.querySelectorAll('details').forEach((node) => { node.open = true })")
    assert len(find(browser, "script")) == 1
    assert find(browser, "img") == []
    assert "<img src=x onerror=boom()>" in browser.find_element("tag name", "body").text


def test_the_policy_of_the_page_stops_a_script_that_came_in_anyway(opened, check_report, browser):
    opened(check_report)
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    )
    assert browser.execute_script("return window.ran") is None
    assert "Content Security Policy" in complaints(browser)[0]
