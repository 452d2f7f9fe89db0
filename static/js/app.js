// What every page does beyond plain HTML. Listeners are delegated from the document, so swapped content needs no set-up;
// without this file every link and form still works.
(() => {
  "use strict";
  const root = document.documentElement;
  const on = (type, selector, act, capture = false) => document.addEventListener(type, (event) => {
    const found = event.target instanceof Element && event.target.closest(selector);
    if (found) act(found, event);
  }, capture);
  const announce = (text) => { const region = document.getElementById("announcer"); if (region) region.textContent = text; };

  const posts = (form) => form?.getAttribute("method") === "post"; // form.method is a field where one has that name
  const typed = new WeakSet(); // forms with words that are not stored yet

  // -- one submit per press: a second is dropped, the button says it is busy ---------------------------------------------
  const release = (form) => {
    delete form.dataset.busy;
    for (const button of form.elements) if (button.dataset.held) { button.disabled = false; button.removeAttribute("aria-busy"); delete button.dataset.held; }
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    typed.delete(form); // all of it goes with the press
    if (!posts(form)) return;
    if (form.dataset.busy) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    form.dataset.busy = "yes";
    // After this turn: a disabled submitter would not send its own name and value.
    setTimeout(() => {
      if (!form.dataset.busy) return;
      for (const button of form.elements) if (button.matches("button:not([type=button]):not(:disabled)")) { button.dataset.held = "yes"; button.disabled = true; }
      event.submitter?.setAttribute("aria-busy", "true");
    });
  }, true);
  document.addEventListener("htmx:finally:request", (event) => {
    const source = event.detail?.ctx?.sourceElement;
    if (source instanceof HTMLFormElement && source.isConnected) release(source);
  });
  document.addEventListener("tunedesk:done", (event) => release(event.target));
  window.addEventListener("pageshow", (event) => { if (event.persisted) document.querySelectorAll("form[data-busy]").forEach(release); });

  // -- no answer: said on the page, where the words still stand -------------------------------------------------------------
  const unanswered = (form, why) => {
    const bar = document.getElementById("unanswered"), of = posts(form) ? "form" : why ?? "page";
    if (bar.dataset.of === "form" && of === "page" && !bar.hidden) return; // the page asks by itself; what a person did matters more
    // Before an open dialog nothing behind it can be read.
    const home = form?.closest?.("dialog[open]") ?? document.getElementById("main");
    if (bar.parentElement !== home) home.prepend(bar);
    bar.dataset.of = of; bar.lastElementChild.textContent = bar.dataset[of]; bar.hidden = false;
  };
  const answered = (source) => {
    const bar = document.getElementById("unanswered");
    if (bar.dataset.of !== "form" || source instanceof HTMLFormElement) bar.hidden = true;
  };
  document.addEventListener("htmx:error", (event) => {
    const source = event.detail?.ctx?.sourceElement, form = source?.closest?.("form[data-stored]");
    if (form) typed.add(form); // nothing of it is known to be stored
    if (event.detail?.error?.name !== "AbortError" && !event.detail?.ctx?.response) unanswered(source);
  });
  document.addEventListener("htmx:after:request", (event) => { if (event.detail?.ctx?.response) answered(event.detail.ctx.sourceElement); });

  // -- signed out meanwhile: the way in, unless something is typed that it would take away ------------------------------------
  const signedOut = () => {
    if ([...document.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue)) unanswered(null, "ended");
    else window.location.reload();
  };
  document.addEventListener("htmx:sse:error", (event) => {
    const status = event.detail?.status; // of a stream that was asked for again once the server had ended it
    if (status === 401) signedOut(); else if (status === 403 || status === 404) window.location.reload(); // what it showed is hidden now
  });

  // -- has anything been written? one question for the whole page, asked while somebody sees it. A list asks for itself, and
  // its answer brings the bar's figures; any other page asks for these alone, and tells its parts that something changed ---
  // The server says when a newer answer may be had: it renders a list once in a while for all who have it open.
  let asking = false, next = 0;
  const look = async () => {
    if (asking) return;
    let after = 1500;
    const again = () => { clearTimeout(next); next = setTimeout(look, after); };
    const meter = document.getElementById("meter"), version = meter?.dataset.version;
    if (!version || document.hidden) return again();
    asking = true;
    const list = document.querySelector("[data-live]"), address = list?.dataset.live ?? "/meter";
    try {
      const answer = await fetch(address, { headers: { "If-None-Match": version, ...list && { "HX-Request-Type": "partial" } } });
      answered();
      after = Number(answer.headers.get("Ask-Again-Ms")) || after;
      if (answer.status === 401) signedOut();
      if (answer.status !== 200 || !meter.isConnected) return;
      const text = await answer.text();
      if (list) {
        if (list.isConnected && list.dataset.live === address) await htmx.swap({ sourceElement: list, target: list, swap: "outerMorph", text });
        return;
      }
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("meter");
      meter.dataset.version = fresh.dataset.version;
      // Link by link, so that one that has the focus keeps it.
      if (meter.innerHTML !== fresh.innerHTML) for (const [at, link] of [...meter.children].entries()) link.replaceChildren(...fresh.children[at].childNodes);
      document.body.dispatchEvent(new CustomEvent("tunedesk:changed"));
    } catch { unanswered(); } finally { asking = false; again(); }
  };
  setTimeout(look, 1500);
  document.addEventListener("visibilitychange", look);

  // -- a form that is stored while it is filled in: also what was typed last, and on leaving ----------------------------------
  let pause = 0;
  const store = (form) => {
    if (!typed.delete(form)) return;
    const said = document.getElementById("saved"), say = (text) => { if (said?.isConnected) said.textContent = text; };
    say(form.dataset.saving);
    fetch(form.dataset.stored, { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true })
      .then((answer) => { if (!answer.ok) throw answer; say(form.dataset.saved); })
      .catch(() => { typed.add(form); say(form.dataset.unsaved); });
  };
  const storeAll = () => document.querySelectorAll("form[data-stored]").forEach(store);
  on("input", "form[data-stored]", (form) => { typed.add(form); clearTimeout(pause); pause = setTimeout(() => store(form), 600); });
  document.addEventListener("htmx:before:request", (event) => typed.delete(event.detail?.ctx?.sourceElement?.closest?.("form[data-stored]")));
  on("click", "a[href]", storeAll, true);
  window.addEventListener("pagehide", storeAll);

  // -- an act on ticked rows waits until enough of them are -------------------------------------------------------------------
  const countTicks = () => {
    for (const form of document.querySelectorAll("form[data-least]")) {
      const ticked = [...form.elements].filter((each) => each.checked).length;
      for (const button of form.querySelectorAll("button")) button.disabled = ticked < Number(form.dataset.least);
    }
  };
  on("change", "input[type=checkbox]", countTicks);
  document.addEventListener("htmx:after:swap", countTicks);
  window.addEventListener("pageshow", countTicks);

  // -- theme ---------------------------------------------------------------------------------------------------------------
  on("submit", "form[data-theme-form]", (form, event) => {
    event.preventDefault();
    const theme = event.submitter?.value ?? "system";
    root.dataset.theme = theme;
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === theme));
    document.dispatchEvent(new CustomEvent("tunedesk:theme"));
    const body = new URLSearchParams(new FormData(form)); body.set("theme", theme);
    fetch(form.action, { method: "POST", body, redirect: "manual" }).then(() => answered(form), () => unanswered(form)).finally(() => release(form));
    form.closest("details")?.removeAttribute("open");
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("tunedesk:theme")));

  // -- copying -------------------------------------------------------------------------------------------------------------
  const copyText = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // an intranet without TLS has no clipboard interface
    area.value = text; area.className = "visually-hidden"; document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
  };
  on("click", "[data-copy]", async (button) => {
    try { await copyText(button.dataset.copy); } catch { return; }
    button.dataset.done = "yes"; announce(document.body.dataset.copied ?? "");
    setTimeout(() => delete button.dataset.done, 1500);
  });

  // -- dialogs and menus ---------------------------------------------------------------------------------------------------
  on("submit", "form[data-opens]", (form, event) => {
    const dialog = document.getElementById(form.dataset.opens);
    if (dialog) { event.preventDefault(); event.stopPropagation(); dialog.showModal(); }
  }, true);
  on("click", "[data-close]", (button) => document.getElementById(button.dataset.close)?.close());
  on("click", "dialog", (dialog, event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // -- command palette -----------------------------------------------------------------------------------------------------
  const openPalette = () => {
    const palette = document.getElementById("palette");
    if (!palette || palette.open) return;
    palette.showModal();
    const box = palette.querySelector("input"); box.value = ""; filter(box); box.focus();
  };
  on("click", "[data-opens-palette]", (link, event) => { event.preventDefault(); event.stopPropagation(); openPalette(); }, true);
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing)) { event.preventDefault(); openPalette(); }
  });
  on("keydown", ".palette", (palette, event) => {
    const links = [...palette.querySelectorAll("li:not([hidden]) a")];
    const index = links.indexOf(document.activeElement);
    if (event.key === "Enter" && index < 0) { event.preventDefault(); links[0]?.click(); }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !links.length) return;
    event.preventDefault();
    (index + step < 0 ? palette.querySelector("input") : links[Math.min(index + step, links.length - 1)]).focus();
  });
  on("click", ".palette a", (link) => link.closest("dialog").close());

  // -- filtering a list or a log by its text -------------------------------------------------------------------------------
  const filter = (box) => {
    const wanted = box.value.toLowerCase().split(/\s+/), list = document.querySelector(box.dataset.filter);
    for (const item of list?.children ?? []) item.hidden = !wanted.every((word) => item.textContent.toLowerCase().includes(word));
    if (list?.nextElementSibling?.matches("[data-none]")) list.nextElementSibling.hidden = [...list.children].some((item) => !item.hidden);
  };
  on("input", "[data-filter]", filter);
  on("input", "input[type=range]", (range) => {
    for (const output of document.querySelectorAll("output")) if (output.htmlFor.contains(range.id)) output.value = range.value + (output.dataset.unit ?? "");
  });

  // -- files: dropping, and uploading with progress (fetch has no upload progress) -------------------------------------------
  for (const type of ["dragover", "dragleave", "drop"]) on(type, "[data-drop]", (zone, event) => {
    event.preventDefault(); zone.classList.toggle("over", type === "dragover");
    if (type !== "drop" || !event.dataTransfer?.files.length) return;
    const input = zone.querySelector("input[type=file]"); input.files = event.dataTransfer.files; input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  const LARGE = 8 << 20; // a larger file comes in a request of its own, and goes on where that was cut, also after a reload
  const ask = async (method, path, value) => {
    const options = value ? { method, body: JSON.stringify(value), headers: { "Content-Type": "application/json" } } : { method };
    const answer = await fetch(`/api/v1/uploads${path}`, options), content = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(`${content.detail ?? ""} ${content.fix ?? ""}`), { status: answer.status });
    return content;
  };
  const sendRest = (upload, file, tick) => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", `/api/v1/uploads/${upload.id}?offset=${upload.received}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => tick(upload.received + event.loaded);
    request.onloadend = resolve; // whatever the answer, how much is there is asked next
    request.send(file.slice(upload.received));
  });
  const bring = async (form, file, tick, say) => {
    const key = `tunedesk:upload:${file.name}:${file.size}:${file.lastModified}`, known = localStorage.getItem(key);
    let upload = known && await ask("GET", `/${known}`).catch(() => null);
    upload ||= await ask("POST", "", { filename: file.name, bytes: file.size });
    localStorage.setItem(key, upload.id);
    for (let tries = 0; upload.received < upload.bytes;) {
      const before = upload.received;
      await sendRest(upload, file, tick);
      try { upload = await ask("GET", `/${upload.id}`); } catch (error) { if (error.status) throw error; }
      if (upload.received === upload.bytes) break;
      tries = upload.received > before ? 1 : tries + 1;
      if (tries > 5) throw new Error(form.dataset.stopped);
      say(form.dataset.cut);
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tries));
    }
    return [upload.id, key];
  };
  on("submit", "form[data-upload]", (form, event) => {
    event.preventDefault();
    const bar = form.querySelector("progress"), said = form.querySelector("[data-upload-status]"), request = new XMLHttpRequest();
    const fail = (text) => { release(form); bar.hidden = true; said.textContent = text; };
    const body = new FormData(form, event.submitter), [file, ...others] = form.querySelector("input[type=file]")?.files ?? [];
    const tick = (loaded, total) => { bar.value = total ? 100 * loaded / total : 0; said.textContent = `${Math.round(bar.value)}%`; };
    const checking = () => { said.textContent = form.dataset.checking; bar.removeAttribute("value"); };
    let done = () => {};
    bar.hidden = false; bar.value = 0;
    request.open("POST", form.action); request.setRequestHeader("Accept", "text/html");
    request.upload.onprogress = (event) => tick(event.loaded, event.total);
    request.upload.onload = checking;
    request.onerror = () => fail(form.dataset.failed);
    request.onload = () => {
      if (request.status < 400) { done(); window.location.assign(request.responseURL); return; }
      const fresh = new DOMParser().parseFromString(request.responseText, "text/html").getElementById("main");
      if (!fresh) { fail(form.dataset.failed); return; }
      document.getElementById("main").replaceWith(fresh); window.htmx?.process(fresh); arrive();
    };
    if (!file || others.length || file.size <= LARGE) { request.send(body); return; }
    bring(form, file, (loaded) => tick(loaded, file.size), (text) => { said.textContent = text; }).then(([upload, key]) => {
      done = () => localStorage.removeItem(key);
      body.delete("file"); body.set("upload", upload);
      checking(); request.send(body);
    }).catch((error) => fail(error.status || error.message === form.dataset.stopped ? error.message : form.dataset.stopped));
  });

  // -- after a boosted step the reader stands at the new page's heading, or at what is wrong with it ---------------------------
  const arrive = () => {
    if (location.hash && document.querySelector(CSS.escape(location.hash).replace("\\#", "#"))) return;
    (document.getElementById("errors") ?? document.querySelector("h1"))?.focus({ preventScroll: !document.getElementById("errors") });
  };
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail?.ctx?.target === document.body) arrive();
    for (const log of document.querySelectorAll("[data-follow]")) if (!away.has(log)) log.scrollTop = log.scrollHeight;
  });
  const away = new WeakSet(); // logs that the reader has scrolled up in: they are left alone
  document.addEventListener("scroll", (event) => {
    const log = event.target;
    if (!(log instanceof Element) || !log.matches("[data-follow]")) return;
    if (log.scrollHeight - log.scrollTop - log.clientHeight > 24) away.add(log); else away.delete(log);
  }, true);

  // -- a word after an act goes by itself once it has been read; hovering or focusing keeps it -----------------------------------
  let fading = 0; // a timer begun for an earlier page must not take a later word away
  const fade = () => {
    clearTimeout(fading);
    fading = setTimeout(() => {
      const flash = document.getElementById("flash");
      if (flash?.matches(":hover, :focus-within")) fade(); else flash?.replaceChildren();
    }, 7000);
  };
  document.addEventListener("htmx:after:swap", (event) => { if (event.detail?.ctx?.target === document.body) fade(); });
  fade();

  // -- relative times: the server's words, said again as time passes, on the server's clock ------------------------------------
  let skew = 0;
  const words = {};
  const span = (seconds) => {
    const [unit, size] = seconds < 60 ? ["s", 1] : seconds < 3600 ? ["min", 60] : seconds < 86400 ? ["h", 3600] : ["d", 86400];
    return words[unit].replace("%(n)d", Math.floor(seconds / size));
  };
  const tell = () => {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const seconds = Math.trunc((Date.now() + skew - Date.parse(time.dateTime)) / 1000);
      const text = seconds === 0 ? words.now : words[seconds > 0 ? "ago" : "in"].replace("%(span)s", span(Math.abs(seconds)));
      if (time.textContent !== text) time.textContent = text;
    }
  };
  const start = () => {
    Object.assign(words, JSON.parse(document.body.dataset.words ?? "{}"));
    if (!words.ago) return;
    skew = Date.parse(document.body.dataset.now) - Date.now();
    setInterval(() => { if (!document.hidden) tell(); }, 1000);
    if (document.getElementById("errors")) arrive();
  };
  start();
})();
