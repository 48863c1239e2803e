"use strict";

/* Curves over time, and the distribution of staleness, drawn by uPlot. */

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis(more) {
  return { stroke: () => colour("--ink-2"), grid: { stroke: () => colour("--grid"), width: 1 }, ticks: { show: false },
           font: "11px system-ui, sans-serif", ...more };
}

/* Shade the cuts behind a curve. */
function shading(story) {
  return (plot) => {
    plot.ctx.save();
    plot.ctx.fillStyle = colour("--cut");
    for (const cut of story.cuts) {
      const x = Math.max(plot.valToPos(cut.since, "x", true), plot.bbox.left);
      const end = Math.min(plot.valToPos(cut.until, "x", true), plot.bbox.left + plot.bbox.width);
      if (end > x) plot.ctx.fillRect(x, plot.bbox.top, end - x, plot.bbox.height);
    }
    plot.ctx.restore();
  };
}

function options(place, more) {
  return {
    width: place.clientWidth || 480, height: 210, legend: { live: true }, cursor: { y: false, points: { size: 6 } },
    padding: [8, 18, 0, 0], ...more,
  };
}

function overTime(place, story, view, series, axes, scales, data) {
  const plot = new uPlot(
    options(place, {
      series: [{ label: "second", value: (_, v) => (v == null ? "–" : v.toFixed(2)) }, ...series],
      axes: [axis({ values: (_, at) => at.map((v) => `${+v.toFixed(6)} s`), size: 30 }), ...axes],
      scales: { x: { time: false, range: () => [view.since, view.until] }, ...scales },
      hooks: {
        drawClear: [shading(story)],
        setSelect: [(u) => u.select.width > 2 &&
          view.show(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"))],
      },
      cursor: { y: false, points: { size: 6 }, drag: { setScale: false, x: true, y: false } },
    }),
    data,
    place,
  );
  view.listeners.push(() => plot.setScale("x", { min: view.since, max: view.until }));
  return plot;
}

function agreement(place, story, view) {
  const { samples } = story;
  return overTime(
    place, story, view,
    [
      { label: "agree", stroke: () => colour("--family-0"), fill: () => colour("--fill-0"), width: 2,
        paths: uPlot.paths.stepped({ align: 1 }), value: (_, v) => (v == null ? "–" : `${v.toFixed(0)} %`) },
      { label: "states", scale: "states", stroke: () => colour("--family-1"), width: 1.5, dash: [5, 4],
        paths: uPlot.paths.stepped({ align: 1 }) },
    ],
    [
      axis({ values: (_, at) => at.map((v) => `${v} %`), size: 52 }),
      axis({ scale: "states", side: 1, grid: { show: false }, size: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] }),
    ],
    { y: { range: [0, 102] }, states: { range: (_, least, most) => [0, Math.max(2, most + 1)] } },
    [samples.map((s) => s[0]), samples.map((s) => (s[1] ? (100 * s[3]) / s[1] : null)), samples.map((s) => s[2])],
  );
}

function traffic(place, story, view) {
  const { samples } = story;
  const rate = samples.map((s, k) => {
    const before = samples[Math.max(0, k - 1)];
    return s[0] > before[0] ? (s[4] - before[4]) / (s[0] - before[0]) : k ? null : 0;
  });
  return overTime(
    place, story, view,
    [{ label: "bytes a second", stroke: () => colour("--family-2"), fill: () => colour("--fill-2"), width: 1.5,
       paths: uPlot.paths.stepped({ align: -1 }),
       value: (_, v) => (v == null ? "–" : `${bytes(v)}/s`) }],
    [axis({ values: (_, at) => at.map((v) => bytes(v)), size: 60 })],
    { y: { range: (_, least, most) => [0, (most || 1) * 1.1] } },
    [samples.map((s) => s[0]), rate],
  );
}

function staleness(place, story) {
  const [delays, shares] = story.delays;
  if (!delays.length) {
    place.textContent = "Nothing was written that another node could have seen.";
    return null;
  }
  const xs = delays.map((s) => Math.max(s, 1e-4));
  return new uPlot(
    options(place, {
      series: [
        { label: "known within", value: (_, v) => (v == null ? "–" : seconds(v)) },
        { label: "arrivals", stroke: () => colour("--family-3"), fill: () => colour("--fill-3"), width: 2,
          paths: uPlot.paths.stepped({ align: 1 }), value: (_, v) => (v == null ? "–" : `${v.toFixed(1)} %`) },
      ],
      axes: [
        axis({ values: (_, at) => at.map((v) => (v == null || !isPower(v) ? null : seconds(v))), size: 30 }),
        axis({ values: (_, at) => at.map((v) => `${v} %`), size: 52 }),
      ],
      scales: { x: { time: false, distr: 3 }, y: { range: [0, 102] } },
      cursor: { y: false, points: { size: 6 }, drag: { setScale: false, x: false, y: false } },
    }),
    [xs, shares.map((s) => s * 100)],
    place,
  );
}

function isPower(value) {
  return Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6;
}
