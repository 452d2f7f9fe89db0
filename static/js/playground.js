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

  const carried = (form, column) => form.elements[`history_${column.dataset.column}`]; // questions and answers in turn, as JSON

  function show(form, column, texts) {
    const bubbles = texts.map((text, at) => {
      const bubble = document.createElement("div"), who = document.createElement("span"), role = at % 2 ? "assistant" : "user";
      bubble.className = "msg"; bubble.dataset.role = role; who.className = "who"; who.textContent = form.dataset[role];
      bubble.append(who, text);
      return bubble;
    });
    column.querySelector("[data-said] .chat").replaceChildren(...bubbles);
    column.querySelector("[data-answer]").textContent = ""; column.querySelector("[data-facts]").textContent = "";
  }

  // Returns whether the question was answered; what was said before a stop counts.
  async function ask(form, column, signal) {
    const answer = column.querySelector("[data-answer]"), facts = column.querySelector("[data-facts]"), question = form.elements.prompt.value;
    const body = new URLSearchParams(new FormData(form)), texts = JSON.parse(carried(form, column).value);
    body.set("deployment", form.elements[column.dataset.column].value);
    body.set("history", carried(form, column).value);
    show(form, column, [...texts, question]);
    answer.setAttribute("aria-busy", "true"); delete answer.dataset.failed;
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
    if (answer.dataset.failed || !answer.textContent) return false;
    carried(form, column).value = JSON.stringify([...texts, question, answer.textContent]);
    return true;
  }

  const forget = (form, column) => { carried(form, column).value = "[]"; show(form, column, []); };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-playground]") || event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault(); event.stopPropagation();
    running.get(form)?.abort();
    const stopper = new AbortController(); running.set(form, stopper);
    const columns = [...document.querySelectorAll("[data-column]")].filter((column) => form.elements[column.dataset.column]?.value);
    columns[0]?.scrollIntoView({ block: "nearest" }); // on a phone the answers stand above the prompt
    const stop = form.querySelector("[data-stop]"); if (stop) stop.hidden = false;
    const answered = await Promise.all(columns.map((column) => ask(form, column, stopper.signal)));
    if (stop) stop.hidden = true;
    if (answered.length && answered.every(Boolean)) form.elements.prompt.value = "";
    form.dispatchEvent(new CustomEvent("tunedesk:done", { bubbles: true }));
  });
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-stop]");
    if (button) running.get(button.closest("form"))?.abort();
    const fresh = event.target instanceof Element && event.target.closest("[data-fresh]"), form = fresh && fresh.closest("form");
    if (!form) return;
    event.preventDefault(); event.stopPropagation();
    running.get(form)?.abort();
    for (const column of form.querySelectorAll("[data-column]")) forget(form, column);
    form.elements.prompt.focus();
  }, true);
  document.addEventListener("keydown", (event) => {
    const form = event.target instanceof Element && event.target.closest("form[data-playground]");
    if (!form || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  // Another model has said nothing yet; on the right it brings the system prompt of its training, unless another was typed.
  document.addEventListener("change", async (event) => {
    const form = event.target.form, column = event.target.closest("[data-column]");
    if (!form?.matches("[data-playground]") || !column) return;
    forget(form, column);
    const { left, right, system } = form.elements;
    if (event.target !== right || system.value !== system.defaultValue) return;
    const answer = await fetch(`/playground?${new URLSearchParams({ left: left.value, right: right.value })}`).catch(() => null);
    if (!answer?.ok || system.value !== system.defaultValue) return;
    system.value = system.defaultValue = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("system")?.value ?? "";
  });
})();
