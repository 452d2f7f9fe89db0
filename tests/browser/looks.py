"""How a page is held against its width and against axe, and a page whose console must stay silent meanwhile."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import ConsoleMessage, Locator, Page

from app.settings import ROOT

PATIENCE = 90_000  # ms: a first act may load packages, on a machine that may have other things to do
AXE = ROOT / "tests" / "vendor" / "axe.min.js"  # brought by the set-up, never served
Scheme = Literal["light", "dark"]
Rules = dict[str, Any]
Looks = tuple[tuple[int, Scheme, Rules], ...]
RULES: Rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# All that a change from light to dark can break.
COLOURS: Rules = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
LOOKS: Looks = (
    (1440, "light", RULES),
    (1440, "dark", COLOURS),
    (390, "dark", RULES),
    (390, "light", COLOURS),
)
FEW_LOOKS: Looks = (LOOKS[0], LOOKS[2])  # both sizes and both colours, though not each with each
OTHER_LOOKS: Looks = (LOOKS[1], LOOKS[3])
# Tables with columns that are not in sight.
PUSHED_OUT = """() => [...document.querySelectorAll("main .scroll")]
    .map((frame) => [frame.getAttribute("aria-label"), frame.scrollWidth - frame.clientWidth])
    .filter(([, over]) => over > 0)
    .map(([name, over]) => `${name} is ${over} px wider than its frame`)"""
# Cells of more than two lines.
TALL = """() => {
    const found = [];
    for (const cell of document.querySelectorAll("main table tbody :is(td, th)")) {
        const range = document.createRange();
        range.selectNodeContents(cell);
        const tops = [...range.getClientRects()].filter((each) => each.width && each.height).map((each) => each.top);
        let lines = 0, last = -Infinity;
        for (const top of tops.sort((one, other) => one - other)) if (top - last > 9) { lines++; last = top; }
        if (lines > 2) found.push(`${lines} lines: ${cell.textContent.trim().slice(0, 60)}`);
    }
    return found;
}"""
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# The innermost elements that reach out of the window, and no frame around them has a scrollbar for.
_OUTSIDE = """() => {
    const most = document.documentElement.clientWidth;
    const out = (each) => each.getBoundingClientRect().right > most + 1;
    const framed = (each) => each.closest(".scroll, .tabs, .menulist, dialog:not([open])");
    return [...document.querySelectorAll("body *")]
        .filter((each) => out(each) && !framed(each) && ![...each.children].some(out))
        .map((each) => `${each.tagName} ${each.className} ${each.textContent.trim().slice(0, 40)}`).slice(0, 8);
}"""


def violations(page: Page, rules: Rules) -> list[tuple[str, list[str]]]:
    """Return what axe finds, with the first elements of each kind."""
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", rules)
    return [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found["violations"]]


class Visit:
    """A page whose console must stay silent, except while axe looks at it: axe tries inline styles itself.

    `besides` are pieces of what it may say.
    """

    def __init__(self, page: Page, pictures: Path, *, besides: Sequence[str] = ()) -> None:
        self.page = page
        self.pictures = pictures
        self.complaints: list[str] = []
        self._axe_looks = False
        # The browser notes every 4xx answer by itself; a form sent back with its mistakes is one.
        self._besides = ("422 (Unprocessable Entity)", *besides)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        expected = any(each in message.text for each in self._besides)
        if message.type in {"error", "warning"} and not self._axe_looks and not expected:
            self.complaints.append(message.text)

    def looks_right(self, name: str, looks: Looks = LOOKS) -> None:
        """Hold the page against axe and its width, in each look; a picture of each lies in the test's folder."""
        page, self._axe_looks = self.page, True
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for width, scheme, rules in looks:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.screenshot(path=self.pictures / f"{name}-{width}-{scheme}.png", full_page=True, caret="initial")
            assert page.evaluate(STICKS_OUT) <= 0, f"{name} sticks out at {width} px: {page.evaluate(_OUTSIDE)}"
            assert violations(page, rules) == [], f"{name} at {width} px, {scheme}"
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        self._axe_looks = False


def contrast(element: Locator) -> float:
    """Return the ratio between an element's words and its own background, which hides what is behind it."""
    colours: list[list[int]] = element.evaluate("""element => {
        const style = getComputedStyle(element);
        const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        [style.color, style.backgroundColor].forEach((colour, at) => {
            canvas.fillStyle = colour; canvas.fillRect(at, 0, 1, 1);
        });
        const pixels = [...canvas.getImageData(0, 0, 2, 1).data];
        return [pixels.slice(0, 3), pixels.slice(4, 7)];
    }""")
    return ratio(colours)


def ratio(colours: list[list[int]]) -> float:
    """Return the ratio by WCAG 2.2, section 1.4.3."""
    high, low = sorted((_luminance(each) for each in colours), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: list[int]) -> float:
    parts = [value / 255 for value in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
