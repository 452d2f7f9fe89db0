// The loss chart: uPlot over the metrics that the server keeps, kept alive by the page's one event stream; and the overlay of
// one series of several runs, whose legend on the page is the picker too.
(() => {
  "use strict";
  const charts = new Map();
  const REDRAW_EVERY_MS = 250;
  const STEP_MARKS = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power)); // steps are whole

  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`; document.body.append(probe);
    const value = getComputedStyle(probe).color; probe.remove();
    return value;
  };
  const smoothed = (values, weight) => {
    let last = null;
    return values.map((value) => { if (value === null) return null; last = last === null ? value : last * weight + value * (1 - weight); return last; });
  };

  class LossChart {
    constructor(box) {
      this.box = box;
      this.names = JSON.parse(box.dataset.series);
      this.overlay = "overlay" in box.dataset;
      this.points = new Map(this.names.map(([name]) => [name, new Map()])); // series -> step -> value: a repeated step replaces
      this.scale = "linear"; this.smooth = 0; this.zoomed = false; this.timer = null;
      this.plotBox = document.createElement("div"); this.plotBox.className = "plot"; box.append(this.plotBox);
      this.resizer = new ResizeObserver(() => this.plot?.setSize({ width: this.plotBox.clientWidth, height: this.height() }));
      this.resizer.observe(this.plotBox);
      this.load();
    }
    height() { return this.box.clientWidth < 480 ? 200 : 250; }
    async load() {
      try {
        const answer = await fetch(this.box.dataset.chart, { headers: { Accept: "application/json" } });
        if (!answer.ok) return;
        for (const { name, steps, values } of (await answer.json()).items) steps.forEach((step, index) => this.put(name, step, values[index]));
      } catch { return; } // the server's own drawing stays
      this.draw();
    }
    put(name, step, value) { this.points.get(name)?.set(step, value); }
    columns() {
      const steps = [...new Set([...this.points.values()].flatMap((series) => [...series.keys()]))].sort((a, b) => a - b);
      // A logarithmic axis has no index for zero or less.
      const series = this.names.map(([name]) => steps.map((step) => { const value = this.points.get(name).get(step) ?? null; return this.scale === "log" && value <= 0 ? null : value; }));
      if (this.overlay) return [steps, ...(this.smooth ? series.map((values) => smoothed(values, this.smooth)) : series)];
      const raw = this.smooth ? series[0] : series[0].map(() => null);
      if (this.smooth) series[0] = smoothed(series[0], this.smooth);
      return [steps, ...series, raw];
    }
    marks(plot) {
      const { ctx, bbox } = plot, ratio = devicePixelRatio;
      const line = (step, style, dash, label) => {
        const x = Math.round(plot.valToPos(step, "x", true));
        if (x < bbox.left || x > bbox.left + bbox.width) return;
        ctx.save(); ctx.strokeStyle = style; ctx.lineWidth = ratio; ctx.setLineDash(dash.map((part) => part * ratio));
        ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
        if (label) { ctx.font = `600 ${11 * ratio}px system-ui`; ctx.fillStyle = style; const right = x > bbox.left + bbox.width * 0.8; ctx.textAlign = right ? "right" : "left"; ctx.fillText(label, x + (right ? -5 : 5) * ratio, bbox.top + 11 * ratio); }
        ctx.restore();
      };
      for (const step of (this.box.dataset.epochs || "").split(",").filter(Boolean)) line(Number(step), colour("--line-strong"), [1, 4]);
      if (this.box.dataset.best) line(Number(this.box.dataset.best), colour("--text"), [3, 3], `${this.box.dataset.bestLabel} · ${this.box.dataset.best}`);
    }
    options() {
      const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
      const tints = this.names.map((_, index) => colour(`--series-${index + 1}`));
      // While nobody points at the chart the legend tells the newest values; at a step, what was measured there or a dash.
      const newest = (plot, number, series) => number ?? plot?.data?.[series].findLast((each) => each !== null && each !== undefined);
      const value = (plot, number, series, at) => (at === null ? newest(plot, number, series) : number)?.toPrecision(4) ?? "–";
      return {
        width: this.plotBox.clientWidth, height: this.height(),
        cursor: { drag: { x: true, y: false }, points: { size: 7 } },
        scales: { x: { time: false }, y: this.scale === "log" ? { distr: 3, log: 10 } : {} },
        axes: [{ ...axis, space: 60, size: 30, incrs: STEP_MARKS }, { ...axis, size: 48 }],
        series: [
          { label: this.box.dataset.stepLabel, value: (plot, step, series) => String(newest(plot, step, series) ?? "–") },
          ...this.names.map(([name, label], index) => this.overlay ? { label, stroke: tints[index], width: 1.75, dash: index > 4 ? [6, 4] : [], spanGaps: true, value, points: { show: false }, show: this.pick(name)?.checked ?? true } : { label, stroke: tints[index], width: index ? 2 : 1.75, spanGaps: true, value, points: index ? { show: true, size: 6, fill: colour("--surface") } : { show: (plot, at) => plot.data[at].filter((each) => each !== null).length === 1, size: 6 } }),
          ...this.overlay ? [] : [{ label: "raw", stroke: tints[0].replace(/\)$/, " / .3)"), width: 1, spanGaps: true, points: { show: false }, show: true }],
        ],
        legend: this.overlay ? { show: false } : { markers: { width: 2 } },
        hooks: { setCursor: this.overlay ? [(plot) => this.tell(plot)] : [], draw: [(plot) => this.marks(plot)], setSelect: [(plot) => { if (plot.select.width) this.zoomed = true; }] },
      };
    }
    pick(name) { return document.querySelector(`[data-series-pick="${this.box.id}"][value="${CSS.escape(name)}"]`); }
    // The overlay's legend: each run's newest value up to the step pointed at, with its own step where that is another one.
    tell(plot) {
      this.names.forEach(([name], index) => {
        const values = plot.data[index + 1], at = plot.cursor.idx ?? values.length;
        const last = values.slice(0, at + 1).findLastIndex((each) => each !== null); // runs measure at different steps
        const readout = document.querySelector(`[data-series-value="${CSS.escape(name)}"]`);
        const step = at < values.length && last !== at ? ` (${plot.data[0][last]})` : "";
        if (readout) readout.textContent = last < 0 ? "–" : Number(values[last].toPrecision(4)) + step;
      });
    }
    toggle(name, shown) { const index = this.names.findIndex(([each]) => each === name); this.plot?.setSeries(index + 1, { show: shown }); }
    draw() {
      if (!this.box.isConnected || typeof uPlot === "undefined") return;
      const columns = this.columns();
      if (!columns[0].length) return;
      if (this.plot) { this.plot.setData(columns, !this.zoomed); if (this.zoomed) this.plot.redraw(); return; }
      this.plot = new uPlot(this.options(), columns, this.plotBox);
      if (!this.overlay) this.plotBox.querySelector(".u-legend tr:last-child")?.remove(); // the unsmoothed shadow needs no entry
      this.plot.over.addEventListener("dblclick", () => { this.zoomed = false; });
    }
    again() { this.plot?.destroy(); this.plot = null; this.draw(); }
    later() { this.timer ??= setTimeout(() => { this.timer = null; this.draw(); }, REDRAW_EVERY_MS); }
    reset() { this.zoomed = false; this.plot?.setData(this.columns(), true); }
    drop() { this.resizer.disconnect(); this.plot?.destroy(); clearTimeout(this.timer); }
  }

  const sweep = () => {
    for (const [box, chart] of charts) if (!box.isConnected) { chart.drop(); charts.delete(box); }
    for (const box of document.querySelectorAll("[data-chart]")) {
      if (charts.has(box)) charts.get(box).later(); // its best checkpoint may have changed
      else charts.set(box, new LossChart(box));
    }
  };
  // {"step": 12, "values": {"train_loss": 1.2}}, or a list of these
  document.addEventListener("metric", (event) => {
    let news;
    try { news = JSON.parse(event.detail.data); } catch { return; }
    for (const chart of charts.values()) {
      for (const { step, values } of [news].flat()) for (const [name, value] of Object.entries(values)) chart.put(name, step, value);
      chart.later();
    }
  });
  const chartOf = (element) => charts.get(document.getElementById(element.closest("[data-chart-controls]")?.dataset.chartControls));
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-chart-controls] button");
    const chart = button && chartOf(button);
    if (!chart) return;
    if (!("scale" in button.dataset)) { chart.reset(); return; }
    chart.scale = button.dataset.scale;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
    chart.again();
  });
  document.addEventListener("input", (event) => {
    const chart = event.target instanceof Element && event.target.matches("[data-smooth]") && chartOf(event.target);
    if (chart) { chart.smooth = Number(event.target.value); chart.later(); }
  });
  // A curve ticked or unticked is shown or hidden at once, and the address says so, for it is the comparison.
  document.addEventListener("change", (event) => {
    const pick = event.target instanceof Element && event.target.matches("[data-series-pick]") && event.target;
    const chart = pick && charts.get(document.getElementById(pick.dataset.seriesPick));
    if (!chart) return;
    chart.toggle(pick.value, pick.checked);
    const picks = [...document.querySelectorAll(`[data-series-pick="${pick.dataset.seriesPick}"]`)], address = new URL(location.href);
    const shown = picks.filter((each) => each.checked).map((each) => each.value);
    if (shown.length && shown.length < picks.length) address.searchParams.set("show", shown.join(",")); else address.searchParams.delete("show");
    history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
  });
  document.addEventListener("tunedesk:theme", () => requestAnimationFrame(() => { for (const chart of charts.values()) chart.again(); }));
  document.addEventListener("htmx:after:swap", sweep);
  sweep();
})();
