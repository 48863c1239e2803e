"use strict";

/* Fills the sections of runs with their pictures. */

const CURVES = { agreement, traffic, staleness };

/* The whole run, small: how much was said when, what was cut, and what of it is shown. */
class Overview {
  static SLOTS = 240;

  constructor(section, story, view) {
    this.svg = section.querySelector(".overview");
    this.view = view;
    this.svg.setAttribute("viewBox", `0 0 ${Overview.SLOTS} 24`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    const slot = (at) => ((at - view.began) / (view.ended - view.began)) * Overview.SLOTS;
    for (const cut of story.cuts)
      this.svg.append(drawn("rect", { class: "cut", x: slot(cut.since), y: 0, height: 24,
                                      width: slot(cut.until) - slot(cut.since) }));
    const counts = new Array(Overview.SLOTS + 1).fill(0);
    for (const [at, , , , , fates] of story.datagrams) counts[Math.floor(slot(at))] += fates.length / 2;
    const most = Math.max(1, ...counts);
    const d = counts.map((n, k) => (n ? `M${k} 24h1v${-Math.sqrt(n / most) * 22}h-1z` : "")).join("");
    this.svg.append(drawn("path", { class: "density", d }));
    this.window = this.svg.appendChild(drawn("rect", { class: "window", y: 0.5, height: 23 }));
    view.listeners.push(() => this.draw());
    const go = (event) => {
      if (!(event.buttons & 1)) return;
      const box = this.svg.getBoundingClientRect();
      const at = view.began + ((event.clientX - box.left) / box.width) * (view.ended - view.began);
      const half = (view.until - view.since) / 2;
      view.show(at - half, at + half);
    };
    this.svg.addEventListener("pointerdown", go);
    this.svg.addEventListener("pointermove", go);
    this.draw();
  }

  draw() {
    const { began, ended, since, until } = this.view;
    const scale = Overview.SLOTS / (ended - began);
    this.window.setAttribute("x", (since - began) * scale);
    this.window.setAttribute("width", Math.max(0.8, (until - since) * scale));
  }
}

/* A link may name a moment: `#run-0/10.08/10.25` shows those seconds of the first run. */
function linked(section, view) {
  const [id, since, until] = location.hash.slice(1).split("/");
  if (id !== section.id || !(+until > +since)) return;
  view.show(+since, +until);
  section.scrollIntoView();
}

const plots = [];

for (const section of document.querySelectorAll("[data-story]")) {
  const story = JSON.parse(document.getElementById(section.dataset.story).textContent);
  const view = new View(story.began, story.ended);
  new Hand(section, story, view, new SpaceTime(section, story, view));
  new Overview(section, story, view);
  addEventListener("hashchange", () => linked(section, view));
  for (const place of section.querySelectorAll("[data-plot]")) {
    const plot = CURVES[place.dataset.plot](place, story, view);
    if (!plot) continue;
    plots.push(plot);
    new ResizeObserver(() => {
      if (place.clientWidth && place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: 210 });
    }).observe(place);
  }
  linked(section, view);
}

/* Canvases do not follow style sheets: draw them anew when colours change, and for paper. */
function redraw() {
  for (const plot of plots) plot.redraw(false, true);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
for (const [moment, isPaper] of [["beforeprint", true], ["afterprint", false]])
  addEventListener(moment, () => {
    document.documentElement.classList.toggle("paper", isPaper);
    redraw();
  });
