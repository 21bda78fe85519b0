// A log of what came and went, with times and sizes, which forgets its oldest lines.
import { bytes, clock, el } from "./page.js";

const maxLines = 500;
const maxShown = 4096; // characters of one message

export class Log {
  constructor(list) {
    this.list = list;
  }

  // add writes a line. Kind is out, in, info or bad; size is left out where there is none.
  add(kind, text, size) {
    const shown = text.length > maxShown ? text.slice(0, maxShown) + "…" : text;
    const meta = size === undefined ? clock() : `${bytes(size)} · ${clock()}`;
    const low = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    this.list.append(el("li", { class: kind }, el("span", { class: "what" }, shown), el("span", { class: "meta" }, meta)));
    while (this.list.childElementCount > maxLines) this.list.firstElementChild.remove();
    if (low) this.list.scrollTop = this.list.scrollHeight; // who has scrolled up is reading
  }

  clear() {
    this.list.replaceChildren();
  }
}
