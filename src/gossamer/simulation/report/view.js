"use strict";

/* The stretch of time that the pictures of one run show.  They share it: zoom one, and all follow. */
class View {
  constructor(began, ended) {
    this.began = began;
    this.ended = Math.max(ended, began + 1e-3);
    this.since = this.began;
    this.until = this.ended;
    this.listeners = [];
  }

  show(since, until) {
    const span = Math.min(Math.max(until - since, 1e-4), this.ended - this.began);
    since = Math.min(Math.max(since, this.began), this.ended - span);
    if (since === this.since && since + span === this.until) return;
    this.since = since;
    this.until = since + span;
    for (const listener of this.listeners) listener();
  }

  zoom(factor, around = (this.since + this.until) / 2) {
    this.show(around - (around - this.since) * factor, around + (this.until - around) * factor);
  }

  pan(share) {
    const by = (this.until - this.since) * share;
    this.show(this.since + by, this.until + by);
  }
}

const SVG = "http://www.w3.org/2000/svg";

/* Make an element of a picture.  What it says is text, never markup. */
function drawn(tag, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
}

function seconds(value, span = value) {
  const size = Math.abs(span);
  if (size >= 1) return `${+value.toFixed(size >= 10 ? 1 : 2)} s`;
  if (size >= 1e-3) return `${+(value * 1e3).toFixed(size >= 0.1 ? 0 : 2)} ms`;
  return `${+(value * 1e6).toFixed(0)} µs`;
}

function bytes(value) {
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]])
    if (value >= size) return `${+(value / size).toPrecision(3)} ${unit}`;
  return `${Math.round(value)} B`;
}

/* Round marks for an axis: about `count` of them between two times. */
function ticks(since, until, count) {
  const rough = (until - since) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((each) => each >= rough);
  const found = [];
  for (let k = Math.ceil(since / step); k * step <= until; k++) found.push(k * step);
  return { step, found };
}
