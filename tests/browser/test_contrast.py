"""Words on buttons can be read, whatever state these are in."""

import pytest
from playwright.sync_api import Page

from tests.browser.looks import ratio


@pytest.mark.parametrize("theme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
def test_a_button_that_is_busy_or_off_can_be_read(visitor: Page, style_guide: str, theme: str) -> None:
    visitor.goto(style_guide)
    seen: dict[str, list[list[int]]] = visitor.evaluate(
        """theme => {
            document.documentElement.dataset.theme = theme;
            const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true }), seen = {};
            for (const kind of ["primary", "danger", "quiet", "small", ""]) for (const busy of [true, false]) {
                const button = document.createElement("button"), fieldset = document.createElement("fieldset");
                button.className = `btn ${kind}`; button.textContent = "Submit"; button.disabled = busy;
                fieldset.className = "refused"; fieldset.disabled = !busy; fieldset.append(button);
                if (busy) button.setAttribute("aria-busy", "true");
                document.querySelector("main").prepend(fieldset);
                button.style.transition = "none";
                const style = getComputedStyle(button);
                [style.color, style.backgroundColor].forEach((colour, at) => {
                    canvas.clearRect(at, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(at, 0, 1, 1);
                });
                const pixels = [...canvas.getImageData(0, 0, 2, 1).data];
                if (pixels[7] !== 255) throw new Error(`${kind} shows what is behind it`);
                seen[`${kind} ${busy ? "busy" : "off"}`] = [pixels.slice(0, 3), pixels.slice(4, 7)];
            }
            return seen;
        }""",
        theme,
    )
    assert len(seen) == 10
    assert {kind: colours for kind, colours in seen.items() if ratio(colours) < 4.5} == {}
