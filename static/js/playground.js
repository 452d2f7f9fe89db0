// Two answers side by side as they are written. The server streams one JSON object a line; all of it becomes text, never markup.
(() => {
  "use strict";
  const running = new Map();

  async function* lines(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n"); rest = parts.pop();
      yield* parts.filter(Boolean).map((line) => JSON.parse(line));
    }
    if (rest.trim()) yield JSON.parse(rest);
  }

  async function ask(form, column, signal) {
    const answer = column.querySelector("[data-answer]"), facts = column.querySelector("[data-facts]");
    const body = new URLSearchParams(new FormData(form));
    body.set("deployment", form.elements[column.dataset.column].value);
    answer.textContent = ""; facts.textContent = ""; answer.setAttribute("aria-busy", "true"); delete answer.dataset.failed;
    try {
      const response = await fetch(form.dataset.playground, { method: "POST", body, signal, headers: { Accept: "application/x-ndjson" } });
      for await (const piece of lines(response.body)) {
        if (piece.text) answer.append(piece.text);
        if (piece.error) { answer.textContent = piece.error; answer.dataset.failed = "yes"; }
        if (piece.facts) facts.textContent = piece.facts;
      }
    } catch (error) {
      if (error.name !== "AbortError") { answer.textContent = form.dataset.lost; answer.dataset.failed = "yes"; }
    } finally { answer.removeAttribute("aria-busy"); }
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-playground]") || event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault(); event.stopPropagation();
    running.get(form)?.abort();
    const stopper = new AbortController(); running.set(form, stopper);
    const columns = [...document.querySelectorAll("[data-column]")].filter((column) => form.elements[column.dataset.column]?.value);
    columns[0]?.scrollIntoView({ block: "nearest" }); // on a phone the answers stand above the prompt
    const stop = form.querySelector("[data-stop]"); if (stop) stop.hidden = false;
    await Promise.all(columns.map((column) => ask(form, column, stopper.signal)));
    if (stop) stop.hidden = true;
    form.dispatchEvent(new CustomEvent("tunedesk:done", { bubbles: true }));
  });
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-stop]");
    if (button) running.get(button.closest("form"))?.abort();
  });
})();
