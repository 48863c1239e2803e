"use strict";

/* The space-time diagram: a line for each node, time to the right, messages aslant between them (Lamport, 1978).

   Lines of one family are one path, so that ten thousand arrows are a dozen elements; what the
   pointer is at is found by distance (see hand.js).  Everything is drawn anew when the view changes. */
class SpaceTime {
  static LEFT = 96;
  static RIGHT = 14;
  static TOP = 46;
  static AXIS = 26;

  constructor(section, story, view) {
    this.svg = section.querySelector(".space-time");
    this.story = story;
    this.view = view;
    this.hidden = new Set();
    this.lane = Math.max(16, Math.min(44, 640 / story.nodes.length));
    this.height = SpaceTime.TOP + story.nodes.length * this.lane + SpaceTime.AXIS;
    this.arrows = this.unfolded();
    this.svg.setAttribute("height", this.height);
    view.listeners.push(() => this.draw());
    new ResizeObserver(() => this.svg.clientWidth !== this.width && this.draw()).observe(this.svg);
    this.draw();
  }

  /* One entry for each arrow; a lost one flies as long as the median one. */
  unfolded() {
    const arrows = [];
    const flights = [];
    for (const [at, sender, kinds, way, size, fates] of this.story.datagrams)
      for (let k = 0; k < fates.length; k += 2) {
        const lost = fates[k + 1] < 0;
        if (!lost) flights.push(fates[k + 1]);
        arrows.push({ at, sender, kinds, way, size, receiver: fates[k], lost, until: at + fates[k + 1] / 1e6 });
      }
    flights.sort((a, b) => a - b);
    this.usual = (flights[flights.length >> 1] || 1000) / 1e6;
    for (const arrow of arrows) if (arrow.lost) arrow.until = arrow.at + this.usual;
    return arrows;
  }

  family(arrow) {
    return this.story.kinds[arrow.kinds][1];
  }

  x(at) {
    const { since, until } = this.view;
    return SpaceTime.LEFT + ((at - since) / (until - since)) * (this.width - SpaceTime.LEFT - SpaceTime.RIGHT);
  }

  time(x) {
    const { since, until } = this.view;
    return since + ((x - SpaceTime.LEFT) / (this.width - SpaceTime.LEFT - SpaceTime.RIGHT)) * (until - since);
  }

  y(lane) {
    return SpaceTime.TOP + (lane + 0.5) * this.lane;
  }

  // -- drawing ---------------------------------------------------------------------------------

  draw() {
    this.width = Math.max(320, this.svg.clientWidth || 960);
    const bottom = this.height - SpaceTime.AXIS;
    const clip = drawn("clipPath", { id: `clip-${this.svg.closest("section").id}` });
    const inner = this.width - SpaceTime.LEFT - SpaceTime.RIGHT;
    clip.append(drawn("rect", { x: SpaceTime.LEFT - 7, y: 0, width: inner + 21, height: this.height }));
    const plot = drawn("g", { "clip-path": `url(#${clip.id})` });
    plot.append(this.shades(bottom), this.lines(), this.messages(), this.signs(), this.flags());
    this.lit = plot.appendChild(drawn("g", { class: "lit" }));
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.replaceChildren(patterns(), clip, this.axis(bottom), plot, this.names());
  }

  names() {
    const names = drawn("g", { class: "names" });
    names.append(drawn("text", { x: SpaceTime.LEFT - 10, y: 15, "text-anchor": "end", class: "strip" }, "network"));
    names.append(drawn("text", { x: SpaceTime.LEFT - 10, y: 35, "text-anchor": "end", class: "strip" }, "story"));
    this.story.nodes.forEach((name, lane) => {
      const short = name.length > 13 ? `${name.slice(0, 12)}…` : name;
      names.append(drawn("text", { x: SpaceTime.LEFT - 10, y: this.y(lane) + 4, "text-anchor": "end" }, short));
    });
    return names;
  }

  axis(bottom) {
    const axis = drawn("g", { class: "axis" });
    const { step, found } = ticks(this.view.since, this.view.until, Math.max(3, this.width / 110));
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    for (const at of found) {
      axis.append(drawn("line", { x1: this.x(at), x2: this.x(at), y1: SpaceTime.TOP, y2: bottom }));
      axis.append(drawn("text", { x: this.x(at), y: bottom + 17, "text-anchor": "middle" }, `${at.toFixed(digits)} s`));
    }
    return axis;
  }

  /* Cuts: shaded as high as what they part; each side has a hatching of its own along its lanes. */
  shades(bottom) {
    const shades = drawn("g", { class: "cuts" });
    for (const cut of this.story.cuts) {
      const [x, end] = [this.x(cut.since), this.x(cut.until)];
      const width = Math.max(1.5, end - x);
      if (end < SpaceTime.LEFT || x > this.width) continue;
      const lanes = cut.ways.flat();
      const top = cut.sides.length || !lanes.length ? SpaceTime.TOP : this.y(Math.min(...lanes)) - this.lane / 2;
      const foot = cut.sides.length || !lanes.length ? bottom : this.y(Math.max(...lanes)) + this.lane / 2;
      shades.append(drawn("rect", { class: "cut", x, y: top, width, height: foot - top }));
      cut.sides.forEach((side, number) => {
        for (const lane of side)
          shades.append(
            drawn("rect", {
              class: `side side-${number % 4}`, x, y: this.y(lane) - this.lane * 0.36, width, height: this.lane * 0.72,
            }),
          );
      });
      shades.append(drawn("rect", { class: "cut-head", x, y: 3, width, height: 17, rx: 3 }));
      const from = Math.max(x, SpaceTime.LEFT);
      const room = Math.min(end, this.width) - from;
      if (room > 40) shades.append(drawn("text", { class: "cut-text", x: from + 6, y: 16 }, fitting(cut.text, room - 10)));
    }
    return shades;
  }

  /* The lives of nodes: a line while up, dashes while paused, dots while down. */
  lines() {
    const lines = drawn("g", { class: "lives" });
    for (const [lane, state, since, until] of this.story.lives) {
      const y = this.y(lane);
      lines.append(drawn("line", { class: `life ${state}`, x1: this.x(since), x2: this.x(until), y1: y, y2: y }));
    }
    return lines;
  }

  messages() {
    const whole = new Map();
    const put = (name, text) => (whole.get(name) || whole.set(name, []).get(name)).push(text);
    for (const arrow of this.arrows) {
      if (!this.isShown(arrow)) continue;
      const family = this.family(arrow);
      const { x1, y1, x2, y2 } = this.ends(arrow);
      put(`${arrow.lost ? "lost" : "arrived"} family-${family}`, `M${x1} ${y1}L${x2} ${y2}`);
      if (arrow.lost) put(`cross family-${family}`, `M${x2 - 3} ${y2 - 3}l6 6m0 -6l-6 6`);
      else put(`head family-${family}`, `M${x2 - 1.7} ${y2}a1.7 1.7 0 1 0 3.4 0a1.7 1.7 0 1 0 -3.4 0`);
    }
    const count = [...whole.values()].reduce((sum, parts) => sum + parts.length, 0);
    const group = drawn("g", { class: count < 600 ? "messages few" : "messages" });
    for (const [name, parts] of whole)
      group.append(drawn("path", { class: name, d: parts.join(""), "data-count": parts.length }));
    return group;
  }

  ends(arrow) {
    const share = arrow.lost ? 0.6 : 1;
    const [x1, y1] = [this.x(arrow.at), this.y(arrow.sender)];
    const [x2, y2] = [this.x(arrow.until), this.y(arrow.receiver)];
    const [x, y] = [x1 + (x2 - x1) * share, y1 + (y2 - y1) * share];
    return { x1: +x1.toFixed(1), y1, x2: +x.toFixed(1), y2: +y.toFixed(1) };
  }

  /* What happened on lanes: a diamond where something was written, signs where lives changed. */
  signs() {
    const signs = drawn("g", { class: "signs" });
    for (const [at, what, lane] of this.story.marks) {
      if (lane < 0 || what !== "write" || !this.isSeen(at)) continue;
      const [x, y] = [this.x(at), this.y(lane)];
      signs.append(drawn("path", { class: "write", d: `M${x} ${y - 6}l6 6l-6 6l-6 -6z` }));
    }
    const began = new Set();
    for (const [lane, state, since] of this.story.lives) {
      const [x, y] = [this.x(since), this.y(lane)];
      const isFirst = !began.has(lane) && began.add(lane);
      if (!this.isSeen(since) || (isFirst && state === "down")) continue;
      if (state === "down") signs.append(drawn("path", { class: "death", d: `M${x - 6} ${y - 6}l12 12m0 -12l-12 12` }));
      else if (state === "paused") signs.append(drawn("path", { class: "pause", d: `M${x - 3} ${y - 6}v12m6 0v-12` }));
      else signs.append(drawn("circle", { class: "start", cx: x, cy: y, r: isFirst ? 3 : 5 }));
    }
    return signs;
  }

  /* What was said of the story, and what was done to the network, as flags above the lanes. */
  flags() {
    const flags = drawn("g", { class: "flags" });
    let free = -Infinity;
    for (const [at, what, lane, name, text] of this.story.marks) {
      const concernsAll = what === "said" || what === "network";
      const ofOthers = lane < 0 && what === "node" && at > this.story.began;
      if (!this.isSeen(at) || !(concernsAll || ofOthers)) continue;
      const x = this.x(at);
      flags.append(drawn("line", { class: what, x1: x, x2: x, y1: 24, y2: this.height - SpaceTime.AXIS }));
      if (what === "network") continue;
      flags.append(drawn("path", { class: what, d: `M${x} 26h8l-2.5 4l2.5 4h-8z` }));
      if (x + 12 < free) continue;
      const shown = fitting(name ? `${name}: ${text}` : text, Math.min(260, this.width - x - 16));
      flags.append(drawn("text", { x: x + 12, y: 36 }, shown));
      free = x + 20 + shown.length * 6.5;
    }
    return flags;
  }

  isShown(arrow) {
    return arrow.until >= this.view.since && arrow.at <= this.view.until && !this.hidden.has(this.family(arrow));
  }

  isSeen(at) {
    return at >= this.view.since - 1e-9 && at <= this.view.until + 1e-9;
  }
}

function fitting(text, room) {
  const most = Math.max(1, Math.floor(room / 6.3));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/* Hatchings: colours alone would not tell sides apart for everyone. */
function patterns() {
  const all = drawn("defs");
  ["M0 8L8 0", "M0 0L8 8", "M4 0V8", "M0 4H8"].forEach((d, number) => {
    const pattern = drawn("pattern", { id: `side-${number}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" });
    pattern.append(drawn("path", { d, class: "hatch" }));
    all.append(pattern);
  });
  return all;
}
