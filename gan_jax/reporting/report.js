// The report's charts (by Plotly), its slider over samples, its explorer of latents, and its reloading while training.
"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"];

/** Returns exponential moving averages of values, started without bias; gaps stay gaps. */
function smoothed(values, weight) {
  let mean = 0, total = 0;
  return values.map((value) => {
    if (value === null || weight === 0) return value;
    mean = weight * mean + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return mean / total;
  });
}

/** Returns Plotly's traces of a chart: smoothed lines over faint ones, bands and floors. */
function traces(chart, weight) {
  const made = [];
  chart.curves.forEach(([name, x, y, std, floor], number) => {
    const color = COLOURS[number % COLOURS.length], mode = x.length < 20 ? "lines+markers" : "lines";
    if (std.length) {
      const sides = [-1, 1].map((sign) => y.map((v, i) => (v === null || std[i] === null ? null : v + sign * std[i])));
      made.push({ x, y: sides[0], mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false });
      made.push({ x, y: sides[1], mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: color + "33",
        hoverinfo: "skip", showlegend: false });
    }
    if (floor.length) made.push({ x, y: floor, mode: "lines", name: "floor", line: { color: "gray", dash: "dash", width: 1 } });
    if (weight > 0) made.push({ x, y, mode: "lines", line: { color, width: 1 }, opacity: 0.25, hoverinfo: "skip", showlegend: false });
    made.push({ x, y: smoothed(y, weight), mode, name, line: { color, width: 1.5 }, hovertemplate: "%{y:.5g} at step %{x:,}" });
  });
  return made;
}

/** Returns a chart's values as CSV: a row for each step, a column for each curve. */
function csv(chart) {
  const steps = [...new Set(chart.curves.flatMap((curve) => curve[1]))].sort((a, b) => a - b);
  const columns = chart.curves.map(([, x, y]) => new Map(x.map((step, i) => [step, y[i]])));
  const rows = steps.map((step) => [step, ...columns.map((column) => column.get(step) ?? "")].join(","));
  return ["step," + chart.curves.map(([name]) => JSON.stringify(name)).join(","), ...rows].join("\n") + "\n";
}

function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
}

function draw() {
  const weight = Number(document.getElementById("smoothing").value), log = document.getElementById("log").checked;
  document.getElementById("smoothing-value").textContent = weight.toFixed(2);
  DATA.charts.forEach((chart, number) => {
    const name = `${DATA.name}_${chart.title}`.replace(/[^A-Za-z0-9-]+/g, "_");
    const layout = {
      height: chart.part === "Training" ? 280 : 230, margin: { l: 55, r: 10, t: 10, b: 40 }, font: { size: 11 },
      xaxis: { title: { text: "step" } }, yaxis: { type: log || chart.scale === "log" ? "log" : "linear" },
      showlegend: chart.curves.length > 1, legend: { orientation: "h", y: 1.15 }, hovermode: "x",
    };
    // Not Plotly.react, which does not return when it changes traces, then axes (4.1.1).
    Plotly.newPlot(`chart-${number}`, traces(chart, weight), layout, {
      responsive: true, displaylogo: false, toImageButtonOptions: { format: "svg", filename: name },
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      modeBarButtonsToAdd: [{ name: "CSV", title: "Download the values as CSV", icon: Plotly.Icons.disk,
        click: () => save(`${name}.csv`, csv(chart)) }],
    });
  });
}

/** Lets a range choose one of the pictures of training. */
function slideSamples() {
  const range = document.getElementById("sample-step");
  if (!range) return;
  const show = () => {
    const [step, url] = DATA.samples[range.value];
    document.getElementById("sample").src = url;
    document.getElementById("sample-label").textContent = `step ${step.toLocaleString("en")}`;
  };
  range.addEventListener("input", show);
  show();
}

/** Lets two ranges choose one picture of the sprite of a plane of latents, by its column and its row. */
function explore() {
  const box = document.getElementById("explorer");
  if (!box) return;
  const { side, width, height, gap } = DATA.plane, url = document.getElementById("plane").src;
  const [across, down] = ["across", "down"].map((name) => document.getElementById(name));
  const picture = document.getElementById("explored");
  Object.assign(picture.style, { width: `${width}px`, height: `${height}px`, backgroundImage: `url(${url})`, zoom: 2 });
  across.max = down.max = side - 1;
  const show = () => {
    picture.style.backgroundPosition = `-${gap + across.value * (width + gap)}px -${gap + down.value * (height + gap)}px`;
  };
  [across, down].forEach((range) => range.addEventListener("input", show));
  show();
}

/** Reloads the page from time to time while the run trains, and keeps the scroll position. */
function follow() {
  const box = document.getElementById("follow");
  if (!box) return;
  const kept = JSON.parse(sessionStorage.getItem("gan_jax") || "{}");
  if (kept.follow === false) box.checked = false;
  if (kept.at) scrollTo(0, kept.at);
  setInterval(() => {
    sessionStorage.setItem("gan_jax", JSON.stringify({ follow: box.checked, at: scrollY }));
    if (box.checked) location.reload();
  }, 20000);
}

["smoothing", "log"].forEach((name) => document.getElementById(name).addEventListener("input", draw));
draw();
slideSamples();
explore();
follow();
