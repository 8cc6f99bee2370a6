"""Prices come in, and their forecast is drawn and told; or a sentence says what is wrong."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from tests.builders import (
    random_bars,
    random_walk,
)
from tests.e2e.page.browser import DROP, Visit, visiting
from tests.e2e.page.prices import csv_of, number
from tools.testbed.service import serving


def test_a_dropped_file_is_drawn_with_its_fan_and_its_numbers(visit: Visit) -> None:
    visit.page.select_option("#calendar", "weekdays")
    visit.drop("made-up.csv", csv_of(300, first="2025-01-02"))

    assert visit.text("#source") == "made-up.csv"
    said = visit.page.get_attribute("#forecast-chart", "aria-label") or ""
    assert said.startswith("Candles of 300 sessions, and the forecast of the next: ")
    assert visit.text("#figures h3") == "Thursday 26 February 2026"
    figures = visit.text("#figures")
    assert "Naive: tomorrow = today" in figures
    for level in (80, 95):
        [(low, high)] = re.findall(rf"{level} % interval\s+([\d.,]+) \S ([\d.,]+)", figures)
        assert number(low) < number(visit.text("#prediction")) < number(high)
        assert f"{level} % between {low} and {high}" in said
    visit.picture("forecast")


def test_the_chart_has_colour_where_the_fan_is(visit: Visit) -> None:
    visit.example()

    # to the right of the last candle there is nothing but the fan
    coloured = visit.page.evaluate("""() => {
      const canvases = [...document.querySelectorAll("#forecast-chart canvas")];
      return Math.max(...canvases.map((canvas) => {
        const { width, height } = canvas;
        if (width < 300 || height < 200) return 0;
        const from = Math.round(width * 0.72);
        const { data } = canvas.getContext("2d").getImageData(from, 0, width - from, height);
        let blue = 0;
        for (let at = 0; at < data.length; at += 4) {
          if (data[at + 3] > 0 && data[at + 2] > data[at] + 12) blue += 1;
        }
        return blue;
      }));
    }""")
    assert coloured > 1_000


def test_a_file_can_be_chosen_and_its_calendar_is_remembered(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "chosen.csv"
    file.write_text(csv_of(200, first="2025-06-02"))
    visit.page.select_option("#calendar", "weekdays")
    with visit.page.expect_file_chooser() as chooser:
        visit.page.click("#choose")
    chooser.value.set_files(file)
    visit.page.wait_for_selector("#prediction")
    day = visit.text("#figures h3")
    visit.page.reload()
    visit.settle()

    assert day == "Monday 9 March 2026"
    assert visit.page.input_value("#calendar") == "weekdays"


def test_pasted_closes_are_a_line_and_are_not_dated_by_a_guess(visit: Visit) -> None:
    visit.page.select_option("#calendar", "24/7")
    visit.page.click("#paste summary")
    visit.page.fill("#pasted", "\n".join(f"{each:.2f}" for each in random_walk(150)))
    visit.page.click("#paste-form button")
    visit.page.wait_for_selector("#prediction")

    said = visit.page.get_attribute("#forecast-chart", "aria-label") or ""
    assert said.startswith("A line of 150 sessions")
    assert visit.text("#figures h3") == "The next session"
    assert "close_only" in visit.text("#warnings")
    assert "no_dates" in visit.text("#warnings")


@pytest.mark.parametrize("name", ["calm", "wild"])
def test_examples_say_that_they_are_made_up(visit: Visit, name: str) -> None:
    assert "made up" in visit.text(f"[data-example={name}]")

    visit.example(name)

    assert visit.text("#source") == f"Example: a {name} instrument, made up"
    visit.picture(f"example-{name}")


def test_another_model_answers_once_it_is_chosen(visit: Visit) -> None:
    visit.example()
    assert visit.text(".prediction span").startswith("close")

    visit.page.select_option("#model", "opens")
    visit.page.wait_for_selector(".prediction span:has-text('open')")
    visit.page.click("#tab-model")
    visit.page.wait_for_selector("h3:has-text('opens, version 1')")

    assert "5 sessions of open" in visit.text(".facts")


def test_a_model_that_the_prices_are_not_enough_for_says_so(visit: Visit) -> None:
    visit.page.select_option("#model", "opens")
    columns = random_bars(80)
    rows = zip(columns["high"], columns["close"], strict=True)
    visit.drop(
        "closes.csv", "\n".join(["High,Close", *(f"{high},{close}" for high, close in rows)])
    )

    assert "forecasts the open, and these prices have high, close only" in visit.text("#error")


def test_what_looks_damaged_is_told_by_day_and_line(visit: Visit) -> None:
    head, *rows = csv_of(200, first="2025-01-02").splitlines()
    split = [
        ",".join([day, *(f"{float(price) / 4:.4f}" for price in prices)])
        for day, *prices in (row.split(",") for row in rows[170:])
    ]
    visit.drop("split.csv", "\n".join([head, *rows[:170], *split]))

    assert re.search(r"line 172.*split.*possible_split", visit.text("#warnings"), re.DOTALL)
    visit.picture("split")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("prices.csv", "PK\x03\x04\x14", "This is a spreadsheet or a zip archive; save the sheet"),
        ("page.csv", "<html><body>Not found</body></html>", "This is a web page or XML"),
        ("letter.txt", "Dear Sir,\nhow are you?\n", ""),
        ("empty.csv", "", "The file is empty"),
        ("short.csv", "Close\n1\n2\n3\n", "60"),
    ],
)
def test_what_is_no_history_is_a_sentence(
    visit: Visit, name: str, content: str, sentence: str
) -> None:
    visit.drop(name, content)

    shown = visit.text("#error")
    assert sentence in shown
    assert len(shown) > 15
    assert visit.page.is_hidden("#forecast")
    visit.example()
    assert visit.page.is_hidden("#error")


def test_a_file_that_is_too_large_is_not_sent(visit: Visit) -> None:
    visit.page.evaluate("""() => {
      const moved = new DataTransfer();
      moved.items.add(new File([new Uint8Array(40 * 2 ** 20)], "large.csv"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: moved, bubbles: true }));
    }""")
    visit.settle()

    assert "40 MB" in visit.text("#error")
    assert not any(url.endswith("/bars") for url in visit.asked)


def test_a_service_that_is_gone_is_told_of(browser: Browser, models: Path) -> None:
    with serving(models) as running, visiting(browser, running) as here:
        running.process.terminate()
        running.process.wait(30)
        here.drop("made-up.csv", csv_of(100))

        assert "did not answer" in here.text("#error")


def test_a_file_may_be_dropped_before_the_models_are_known(visit: Visit) -> None:
    held: list[Route] = []
    visit.page.route("**/models", lambda route: held.append(route))  # noqa: PLW0108 - marked by Playwright
    visit.page.goto(visit.root)
    visit.page.wait_for_selector("body[data-state=busy]")
    visit.page.evaluate(DROP, ["early.csv", csv_of(100)])
    visit.page.wait_for_timeout(300)
    for route in held:
        route.continue_()

    visit.page.wait_for_selector("#prediction")
    assert visit.text("#source") == "early.csv"


def test_it_works_below_the_prefix_of_a_proxy(visit: Visit) -> None:
    below = f"{visit.root}some/prefix/"

    def forward(route: Route) -> None:
        route.fulfill(response=route.fetch(url=route.request.url.replace(below, visit.root)))

    visit.page.route(f"{below}**", forward)
    visit.asked.clear()
    visit.page.goto(below)
    visit.settle()
    visit.example()

    assert [url for url in visit.asked if not url.startswith(below)] == []
