"use strict";

/* What the pointer and the keys do to a space-time diagram. */
class Hand {
  static NEAR = 7;

  constructor(section, story, view, picture) {
    this.story = story;
    this.view = view;
    this.picture = picture;
    this.svg = picture.svg;
    this.live = section.querySelector(".live");
    this.tip = section.querySelector(".stage").appendChild(document.createElement("div"));
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.events = story.marks.concat(story.cuts.map((c) => [c.since, "cut", -1, "", `cut: ${c.text}`]));
    this.events = this.events.filter((mark) => mark[0] > story.began).sort((a, b) => a[0] - b[0]);
    this.listen(section);
  }

  // -- pointing --------------------------------------------------------------------------------

  /* What is nearest to a point: an event if one is near, else an arrow. */
  at(x, y) {
    const { picture, story } = this;
    for (const mark of story.marks) {
      const [at, what, lane] = mark;
      const top = what === "network" ? 11 : lane < 0 ? 30 : picture.y(lane);
      const isNear = Math.abs(picture.x(at) - x) < Hand.NEAR && Math.abs(top - y) < Hand.NEAR;
      if (isNear && picture.isSeen(at)) return { mark, text: this.told(mark) };
    }
    for (const cut of story.cuts)
      if (y < 22 && x >= picture.x(cut.since) && x <= picture.x(cut.until)) return { text: this.toldCut(cut) };
    let best = null;
    let least = Hand.NEAR;
    for (const arrow of picture.arrows) {
      if (!picture.isShown(arrow)) continue;
      const away = distance(x, y, picture.ends(arrow));
      if (away < least) [best, least] = [arrow, away];
    }
    return best && { arrow: best, text: this.toldArrow(best) };
  }

  told([at, , , name, text]) {
    return `${at.toFixed(3)} s\n${name ? `${name} ` : ""}${text}`;
  }

  toldCut(cut) {
    return `cut from ${cut.since.toFixed(3)} to ${cut.until.toFixed(3)} s\n${cut.text}`;
  }

  toldArrow(arrow) {
    const { nodes, kinds, ways } = this.story;
    const fate = arrow.lost ? "lost" : `arrived after ${seconds(arrow.until - arrow.at)}`;
    return (
      `${kinds[arrow.kinds][0]}\n${nodes[arrow.sender]} → ${nodes[arrow.receiver]}, ${ways[arrow.way]}, ` +
      `${bytes(arrow.size)}\nsent at ${arrow.at.toFixed(6)} s, ${fate}`
    );
  }

  point(event) {
    const { picture } = this;
    const box = this.svg.getBoundingClientRect();
    const found = this.at(event.clientX - box.left, event.clientY - box.top);
    picture.lit.replaceChildren();
    this.tip.hidden = !found;
    if (!found) return;
    if (found.arrow) {
      const classes = `family-${picture.family(found.arrow)}`;
      picture.lit.append(drawn("line", { ...picture.ends(found.arrow), class: classes }));
    }
    this.tip.textContent = found.text;
    const room = box.width - this.tip.offsetWidth - 4;
    this.tip.style.left = `${Math.max(0, Math.min(event.clientX - box.left + 14, room))}px`;
    this.tip.style.top = `${event.clientY - box.top + 16}px`;
  }

  // -- steering --------------------------------------------------------------------------------

  listen(section) {
    this.svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.svg.addEventListener("pointerdown", (event) => this.grab(event));
    this.svg.addEventListener("pointermove", (event) => (this.held ? this.drag(event) : this.point(event)));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointerleave", () => {
      this.tip.hidden = true;
      this.picture.lit.replaceChildren();
    });
    this.svg.addEventListener("dblclick", (event) => this.view.zoom(0.25, this.picture.time(event.offsetX)));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    for (const button of section.querySelectorAll("[data-do]"))
      button.addEventListener("click", () => this.command(button.dataset.do));
    for (const box of section.querySelectorAll("[data-family]"))
      box.addEventListener("change", () => {
        this.picture.hidden[box.checked ? "delete" : "add"](+box.dataset.family);
        this.picture.draw();
      });
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.view.zoom(Math.exp(event.deltaY / 300), this.picture.time(event.offsetX));
  }

  grab(event) {
    this.held = { x: event.clientX, since: this.view.since, until: this.view.until };
    this.svg.setPointerCapture(event.pointerId);
    this.tip.hidden = true;
  }

  /* What was not dragged was clicked: go to the event there, if there is one. */
  release(event) {
    const { x } = this.held || {};
    this.held = null;
    const box = this.svg.getBoundingClientRect();
    const found = Math.abs(event.clientX - x) < 3 && this.at(event.clientX - box.left, event.clientY - box.top);
    if (found && found.mark) this.goTo(found.mark);
  }

  drag(event) {
    const { x, since, until } = this.held;
    const by = ((x - event.clientX) / (this.picture.width - SpaceTime.LEFT - SpaceTime.RIGHT)) * (until - since);
    this.view.show(since + by, until + by);
  }

  key(event) {
    const keys = { "+": "in", "=": "in", "-": "out", 0: "all", ".": "next", ",": "previous" };
    keys.ArrowLeft = "left";
    keys.ArrowRight = "right";
    if (!(event.key in keys) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.command(keys[event.key]);
  }

  command(what) {
    const { view } = this;
    if (what === "in") view.zoom(0.5);
    else if (what === "out") view.zoom(2);
    else if (what === "all") view.show(view.began, view.ended);
    else if (what === "left") view.pan(-0.2);
    else if (what === "right") view.pan(0.2);
    else this.step(what === "next" ? 1 : -1);
  }

  /* Go to the event before or after the one where we are, near enough to see single messages. */
  step(by) {
    if (!this.events.length) return;
    this.event = Math.min(Math.max((this.event ?? (by > 0 ? -1 : this.events.length)) + by, 0), this.events.length - 1);
    this.goTo(this.events[this.event]);
  }

  goTo(mark) {
    const { usual } = this.picture;
    this.view.show(mark[0] - 4 * usual, mark[0] + 16 * usual);
    this.live.textContent = this.told(mark);
  }
}

/* How far a point is from the stretch between two others. */
function distance(x, y, { x1, y1, x2, y2 }) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const share = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}
