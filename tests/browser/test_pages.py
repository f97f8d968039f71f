"""Pages in a real browser: nothing complains, a phone shows them whole, pictures load, a click sorts."""

import pytest

PHONE, DESK = 390, 1280
PAGES = ("report", "large", "index", "comparison")
# Elements that stick out of the page to the right, but for those that a box of their own scrolls.
STICKING_OUT = """
[...document.querySelectorAll("body *")].filter(e => {
  const right = e.getBoundingClientRect().right, box = e.closest(".scroll, pre, svg");
  return right > innerWidth + 1 && (!box || box === e);
}).map(e => e.outerHTML.slice(0, 120))
"""
UNLOADED = """
Promise.all([...document.images].map(i => i.decode().then(() => "", e => i.alt + ": " + e)))
  .then(told => told.filter(Boolean))
"""
FIRST_CELLS = "[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].dataset.value)"


def column(number):
    return f"[...document.querySelectorAll('tbody tr')].map(r => Number(r.cells[{number}].dataset.value))"


def heading(text):
    return f"[...document.querySelectorAll('th button')].find(b => b.textContent.startsWith({text!r}))"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_complains_and_every_picture_loads(tab, pages, name, dark):
    tab.open(pages[name], DESK, dark=dark)
    assert tab.value(UNLOADED) == []
    assert tab.complaints() == []
    pictures = tab.value("document.images.length"), tab.value("document.querySelectorAll('svg').length")
    assert pictures[0] == {"report": 3, "large": 10}.get(name, 0)
    assert (pictures[1] > 0) == (name != "index")


@pytest.mark.parametrize("width", [PHONE, 600, DESK])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_its_window(tab, pages, name, width):
    tab.open(pages[name], width)
    assert tab.value("innerWidth") == width
    assert tab.value(STICKING_OUT) == []
    assert tab.value("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_letters_that_can_be_read(tab, pages, name):
    tab.open(pages[name], PHONE)
    sizes = tab.value(
        "[...document.querySelectorAll('p, td, th, li, dd, figcaption')]"
        ".map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert sizes
    assert min(sizes) >= 12


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(tab, pages):
    tab.open(pages["index"], DESK)
    assert tab.value(column(1)) == [10, 9, 2]
    tab.click(heading("Seed"))
    assert tab.value(column(1)) == [2, 9, 10]  # as numbers, not as words
    assert tab.value(f"{heading('Seed')}.parentElement.ariaSort") == "ascending"
    tab.click(heading("Seed"))
    assert tab.value(column(1)) == [10, 9, 2]
    tab.click(heading("Run"))
    assert tab.value(FIRST_CELLS) == ["a-run-whose-name-is-not-short", "middle", "z"]
    assert tab.value("document.querySelectorAll('th[aria-sort]').length") == 1
    tab.click(heading("Collective, any step"))
    assert tab.value(column(3)) == sorted(tab.value(column(3)))
    assert tab.complaints() == []


SHOWN = (
    "[...document.querySelector('{table}').tBodies[0].rows].map(r => r.cells[{column}].textContent.trim())"
)


@pytest.mark.parametrize("name", ["large", "comparison"])
def test_tables_of_tasks_are_sorted_by_what_they_show(tab, pages, name):
    tab.open(pages[name], DESK)
    table = "table.sortable"
    before = tab.value(SHOWN.format(table=table, column=0))
    tab.click(f"document.querySelector('{table} thead tr:last-child').cells[1].firstChild")
    shown = [text.split("%")[0].strip() for text in tab.value(SHOWN.format(table=table, column=1))]
    numbers = [float(text) for text in shown if text != "–"]
    assert numbers == sorted(numbers)
    assert shown[len(numbers) :] == ["–"] * (len(shown) - len(numbers))
    tab.click(f"document.querySelector('{table} thead tr:last-child').cells[0].firstChild")
    assert tab.value(SHOWN.format(table=table, column=0)) == sorted(before)
    assert tab.complaints() == []


def test_the_keyboard_sorts_too(tab, pages):
    tab.open(pages["index"], DESK)
    tab.value(f"{heading('Seed')}.focus()")
    for kind in ("keyDown", "keyUp"):
        tab.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Enter",
            code="Enter",
            text="\r",
            windowsVirtualKeyCode=13,
        )
    assert tab.value(column(1)) == [2, 9, 10]


def test_a_phone_sorts_by_a_tap(tab, pages):
    tab.open(pages["index"], PHONE)
    tab.click(heading("Seed"))
    assert tab.value(column(1)) == [2, 9, 10]


def test_a_click_on_a_run_opens_its_report(tab, pages):
    tab.open(pages["index"], DESK)
    tab.click("document.querySelector('tbody a')")
    tab.wait("location.href.endsWith('evaluation/report.html') && document.readyState === 'complete'")
    assert tab.value("document.title") == "quickstart: collectiverun report"
    assert tab.complaints() == []


def test_a_page_runs_no_script_but_its_own(tab, pages, tmp_path):
    """So that the other tests would see one that the page's own policy refuses."""
    page = tmp_path / "page.html"
    text = pages["index"].read_text()
    page.write_text(text.replace("</body>", "<script>document.title = 'taken over'</script></body>"))
    tab.open(page, DESK)
    assert tab.value("document.title") != "taken over"
    assert any("Content Security Policy" in told for told in tab.complaints())
