"use strict";
// The page's drawings. What is drawn is in the element #data; nothing is fetched from anywhere.
// Which laps are shown is in the address: #a=1&b=2 are rows of the lap table.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const shown = { a: data.best[0], b: data.best[1] };
const config = {
  displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"],
  showSendToCloud: false, plotlyServerURL: "",  // what was recorded stays here
};

const SPEEDS = [[0, "#2f6fdf"], [0.35, "#20b8b0"], [0.65, "#e8c01d"], [1, "#e0342b"]];
const CURVES = [
  { key: "speed", title: "speed<br>km/h", share: 3 },
  { key: "delta", title: "B behind A<br>s", share: 1.6 },
  { key: "throttle", title: "throttle", share: 1.2, range: [-0.05, 1.05] },
  { key: "brake", title: "brake", share: 1.2, range: [-0.05, 1.05] },
  { key: "steer", title: "steering<br>+ right", share: 1.6 },
  { key: "gear", title: "gear", share: 1.2, shape: "hv" },
];
const FATES = { late: "#d64545", held: "#e39a2d", eased: "#8d63c9", planned: "#3f9b6d", missed: "#4a7fd4" };

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { ink: of("--ink"), faint: of("--faint"), line: of("--line"), paper: of("--paper"), a: of("--a"), b: of("--b") };
}

function layout(extra) {
  const c = colours();
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: c.ink, size: 12, family: "system-ui, 'Segoe UI', sans-serif" },
    margin: { l: 70, r: 15, t: 15, b: 40 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: c.faint, activecolor: c.ink },
    hoverlabel: { bgcolor: c.paper, bordercolor: c.line, font: { color: c.ink } },
    ...extra,
  };
}

function axis(extra) {
  const c = colours();
  return { gridcolor: c.line, zerolinecolor: c.line, linecolor: c.line, automargin: false, ...extra };
}

// The value of `ys` where the rising `xs` is `x`, in a straight line between its neighbours.
function at(xs, ys, x) {
  let low = 0, high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle; else high = middle;
  }
  const span = xs[high] - xs[low];
  return span > 0 ? ys[low] + ((ys[high] - ys[low]) * (x - xs[low])) / span : ys[low];
}

// How many seconds lap b is behind lap a at each distance that both have.
function delta(a, b) {
  const first = Math.max(a.d[0], b.d[0]);
  const last = Math.min(a.d[a.d.length - 1], b.d[b.d.length - 1]);
  const d = a.d.filter((x) => x >= first && x <= last);
  return { d, delta: d.map((x) => at(b.d, b.t, x) - at(a.d, a.t, x)) };
}

function drawCurves() {
  const c = colours();
  const a = data.laps[shown.a], b = data.laps[shown.b];
  const both = shown.a !== shown.b;
  const traces = [], axes = {};
  const total = CURVES.reduce((sum, curve) => sum + curve.share, 0), gap = 0.018;
  let top = 1;
  CURVES.forEach((curve, index) => {
    const number = index === 0 ? "" : String(index + 1);
    const height = (curve.share / total) * (1 - gap * (CURVES.length - 1));
    axes[`yaxis${number}`] = axis({
      domain: [Math.max(0, top - height), top], title: { text: curve.title, standoff: 8 }, range: curve.range,
      ...(curve.key === "gear" ? { dtick: 1 } : {}), zeroline: curve.key === "delta" || curve.key === "steer",
    });
    top -= height + gap;
    const line = (name, colour, x, y) => traces.push({
      type: "scatter", mode: "lines", name, x, y, yaxis: `y${number}`, connectgaps: false, showlegend: false,
      line: { color: colour, width: 1.6, shape: curve.shape || "linear" }, hovertemplate: `${name} %{y}<extra></extra>`,
    });
    if (curve.key === "delta") {
      const between = both ? delta(a, b) : { d: [], delta: [] };
      line("B behind A", c.ink, between.d, between.delta);
      traces[traces.length - 1].hovertemplate = "%{y:+.3f} s<extra></extra>";
      document.body.dataset.delta = between.delta.length ? between.delta[between.delta.length - 1].toFixed(3) : "";
    } else {
      line("A", c.a, a.d, a[curve.key]);
      if (both) line("B", c.b, b.d, b[curve.key]);
    }
  });
  return Plotly.react(byId("curves"), traces, layout({
    ...axes, hovermode: "x", hoversubplots: "axis",
    xaxis: axis({ title: { text: data.along, standoff: 8 }, anchor: `y${CURVES.length}`, ticksuffix: " m", showspikes: true,
      spikemode: "across", spikethickness: -2, spikecolor: c.faint, spikedash: "solid" }),
    margin: { l: 80, r: 15, t: 10, b: 50 },
  }), config);
}

// Seen from above: the game's x points right, its z down, for y points up and the axes are right-handed.
function drawMap() {
  const c = colours();
  const a = data.laps[shown.a], b = data.laps[shown.b];
  const start = a.d.findIndex((d) => d >= 0);
  const traces = [];
  if (shown.a !== shown.b) {
    traces.push({ type: "scatter", mode: "lines", name: "B", x: b.x, y: b.z, hoverinfo: "skip",
      line: { color: c.b, width: 1.5, dash: "dot" } });
  }
  traces.push({
    type: "scatter", mode: "lines+markers", name: "A, by speed", x: a.x, y: a.z, customdata: a.d.map((d, i) => [d, a.speed[i]]),
    line: { color: c.line, width: 1 },
    marker: { size: 6, color: a.speed, colorscale: SPEEDS, colorbar: { title: { text: "km/h" }, thickness: 12, outlinewidth: 0 } },
    hovertemplate: "%{customdata[1]:.0f} km/h at %{customdata[0]:.0f} m<extra></extra>",
  });
  const marks = [];
  if (start >= 0) {
    const ahead = Math.min(start + Math.max(1, Math.round(a.x.length / 25)), a.x.length - 1);
    traces.push({ type: "scatter", mode: "markers", name: "start of the lap", x: [a.x[start]], y: [a.z[start]], hoverinfo: "skip",
      marker: { symbol: "square", size: 13, color: c.paper, line: { color: c.ink, width: 3 } } });
    marks.push({ x: a.x[ahead], y: a.z[ahead], ax: a.x[start], ay: a.z[start], xref: "x", yref: "y", axref: "x", ayref: "y",
      text: "", showarrow: true, arrowhead: 2, arrowsize: 1.4, arrowwidth: 2, arrowcolor: c.ink });
  }
  traces.push({ type: "scatter", mode: "markers", name: "here", x: [], y: [], hoverinfo: "skip", showlegend: false,
    marker: { size: 16, color: "rgba(0,0,0,0)", line: { color: c.ink, width: 3 } } });
  return Plotly.react(byId("map"), traces, layout({
    annotations: marks, hovermode: "closest", legend: { orientation: "h", x: 0, y: 1.06 },
    xaxis: axis({ title: { text: "x, m" }, zeroline: false }),
    yaxis: axis({ title: { text: "z, m (downwards)" }, autorange: "reversed", scaleanchor: "x", zeroline: false }),
    margin: { l: 70, r: 15, t: 30, b: 45 },
  }), config);
}

// Shows on the map where lap A is at the distance under the pointer; nothing for null.
function point(distance) {
  const a = data.laps[shown.a], map = byId("map");
  const place = distance === null ? [[], []] : [[at(a.d, a.x, distance)], [at(a.d, a.z, distance)]];
  Plotly.restyle(map, { x: [place[0]], y: [place[1]] }, [map.data.length - 1]);
}

function drawHistograms() {
  const c = colours();
  return data.histograms.map((one, index) => {
    const middles = one.counts.map((_, i) => (one.edges[i] + one.edges[i + 1]) / 2);
    const trace = { type: "bar", x: middles, y: one.counts, marker: { color: c.a, line: { width: 0 } },
      width: one.edges[1] - one.edges[0], hovertemplate: "%{y} at %{x:.3f} ms<extra></extra>" };
    return Plotly.react(byId(`histogram-${index}`), [trace], layout({
      bargap: 0, margin: { l: 55, r: 10, t: 8, b: 40 },
      xaxis: axis({ title: { text: "ms" } }), yaxis: axis({ title: { text: "count" } }),
    }), { ...config, displayModeBar: false });
  });
}

function drawFates() {
  const traces = Object.entries(data.fates.bars).filter(([, counts]) => counts.some((count) => count > 0))
    .map(([name, counts]) => ({ type: "bar", name, x: data.fates.times, y: counts, marker: { color: FATES[name] } }));
  return Plotly.react(byId("fates"), traces, layout({
    barmode: "stack", bargap: 0.1, showlegend: true, legend: { orientation: "h", x: 0, y: 1.15 }, margin: { l: 55, r: 10, t: 30, b: 40 },
    xaxis: axis({ title: { text: "s since the recording began" } }),
    yaxis: axis({ title: { text: "ticks (late: steps)" }, rangemode: "tozero" }),
  }), { ...config, displayModeBar: false });
}

function markRows() {
  for (const row of document.querySelectorAll("tr[data-row]")) {
    const number = Number(row.dataset.row);
    row.classList.toggle("is-a", number === data.laps[shown.a].row);
    row.classList.toggle("is-b", number === data.laps[shown.b].row);
  }
}

function draw() {
  const drawn = [];
  if (data.laps.length) {
    byId("choose-a").value = shown.a;
    byId("choose-b").value = shown.b;
    markRows();
    drawn.push(drawMap(), drawCurves());
    document.body.dataset.shown = `${data.laps[shown.a].row},${data.laps[shown.b].row}`;
  }
  drawn.push(...drawHistograms());
  if (data.fates) drawn.push(drawFates());
  return Promise.all(drawn).then(() => { document.body.dataset.drawn = drawn.length; });
}

// Shows a lap, by its place among those that are drawn, and writes it into the address.
function choose(which, index) {
  shown[which] = index;
  history.replaceState(null, "", `#a=${data.laps[shown.a].row}&b=${data.laps[shown.b].row}`);
  draw();
}

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const which of ["a", "b"]) {
    const index = data.laps.findIndex((lap) => String(lap.row) === asked.get(which));
    if (index >= 0) shown[which] = index;
  }
}

function connect() {
  for (const which of ["a", "b"]) {
    const list = byId(`choose-${which}`);
    data.laps.forEach((lap, index) => list.add(new Option(lap.label, index)));
    list.addEventListener("change", () => choose(which, Number(list.value)));
  }
  byId("swap").addEventListener("click", () => {
    [shown.a, shown.b] = [shown.b, shown.a];
    choose("a", shown.a);
  });
  for (const button of document.querySelectorAll("button[data-lap]")) {
    button.addEventListener("click", () => choose(button.dataset.which, Number(button.dataset.lap)));
  }
  window.addEventListener("hashchange", () => { readAddress(); draw(); });
}

function begin() {
  if (data.laps.length) {
    connect();
    readAddress();
  }
  draw().then(() => {
    if (!data.laps.length) return;
    byId("curves").on("plotly_hover", (event) => point(event.points[0].x));
    byId("curves").on("plotly_unhover", () => point(null));
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

// Whatever goes wrong is said at the page's body, for whoever looks for the reason.
window.addEventListener("error", (event) => { document.body.dataset.failed = event.message; });
document.addEventListener("securitypolicyviolation", (event) => {
  document.body.dataset.refused = event.blockedURI;
});
begin();
