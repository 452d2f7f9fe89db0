// Two answers side by side as they are written. The server streams OpenAI's chunks, one JSON object an event; all of it becomes text, never markup.
(() => {
  "use strict";
  const running = new Map();

  async function* chunks(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n"); rest = lines.pop();
      yield* lines.filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
    }
  }

  async function ask(form, column, signal) {
    const answer = column.querySelector("[data-answer]"), facts = column.querySelector("[data-facts]");
    const body = new URLSearchParams(new FormData(form));
    body.set("deployment", form.elements[column.dataset.column].value);
    answer.textContent = ""; facts.textContent = ""; answer.setAttribute("aria-busy", "true"); delete answer.dataset.failed;
    try {
      const response = await fetch(form.dataset.playground, { method: "POST", body, signal, headers: { Accept: "text/event-stream" } });
      for await (const chunk of chunks(response.body)) {
        const text = chunk.choices?.[0]?.delta?.content;
        if (text) answer.append(text);
        if (chunk.error) { answer.textContent = chunk.error.message; answer.dataset.failed = "yes"; }
        if (chunk.facts) facts.textContent = chunk.facts;
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
