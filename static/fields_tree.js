// <sample-tree>: the sample's fields. Arrows walk, a letter searches, Enter or a click writes the field into the
// template that had the cursor last. A field with the cursor marks here what it reads.
import { lastField, write } from "./fields.js";

const open = new Set();
const closed = new Set();
let scrolled = 0;

class SampleTree extends HTMLElement {
  connectedCallback() {
    this.root = this.querySelector("[role=tree]");
    this.search = this.querySelector(".tree-filter");
    this.search.hidden = false;
    this.search.addEventListener("input", () => this.filter());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") { event.preventDefault(); this.focusOn(this.visible()[0]); }
      if (event.key === "Escape") { this.search.value = ""; this.filter(); }
    });
    for (const item of this.items()) {
      if (!item.hasAttribute("aria-expanded")) continue;
      if (open.has(item.dataset.id)) item.setAttribute("aria-expanded", "true");
      if (closed.has(item.dataset.id)) item.setAttribute("aria-expanded", "false");
    }
    this.root.scrollTop = scrolled;
    this.root.addEventListener("scroll", () => { scrolled = this.root.scrollTop; });
    this.root.addEventListener("click", (event) => this.clicked(event));
    this.root.addEventListener("keydown", (event) => this.pressed(event));
    // The cursor of the field must stay where it is while the mouse chooses.
    this.root.addEventListener("mousedown", (event) => event.preventDefault());
    const first = this.items()[0];
    if (first) first.tabIndex = 0;
  }

  items() { return [...this.root.querySelectorAll("[role=treeitem]")]; }
  visible() { return this.items().filter((item) => item.offsetParent !== null); }

  focusOn(item) {
    if (!item) return;
    for (const other of this.items()) other.tabIndex = -1;
    item.tabIndex = 0;
    item.focus();
  }

  expand(item, wanted) {
    if (!item.hasAttribute("aria-expanded")) return;
    item.setAttribute("aria-expanded", String(wanted));
    (wanted ? open : closed).add(item.dataset.id);
    (wanted ? closed : open).delete(item.dataset.id);
  }

  clicked(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item) return;
    if (item.hasAttribute("aria-expanded") && (event.target.closest(".twist") || item.querySelector("ul"))) {
      this.expand(item, item.getAttribute("aria-expanded") !== "true");
      if (!event.target.closest(".node-value")) return;
    }
    this.choose(item);
  }

  pressed(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item) return;
    const shown = this.visible();
    const place = shown.indexOf(item);
    const isOpen = item.getAttribute("aria-expanded") === "true";
    const moves = {
      ArrowDown: () => this.focusOn(shown[place + 1]),
      ArrowUp: () => (place ? this.focusOn(shown[place - 1]) : this.search.focus()),
      Home: () => this.focusOn(shown[0]),
      End: () => this.focusOn(shown.at(-1)),
      ArrowRight: () => (item.hasAttribute("aria-expanded") && !isOpen ? this.expand(item, true) : this.focusOn(shown[place + 1])),
      ArrowLeft: () => (isOpen ? this.expand(item, false) : this.focusOn(item.parentElement.closest("[role=treeitem]"))),
      Enter: () => this.choose(item),
      " ": () => (item.hasAttribute("aria-expanded") ? this.expand(item, !isOpen) : this.choose(item)),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  }

  choose(item) {
    const area = lastField();
    const said = document.getElementById("said");
    if (!area) {
      said.textContent = "Put the cursor into a field first, then choose here.";
      document.querySelector("textarea.template")?.focus();
      return;
    }
    write(area, insertion(area, item.dataset.source));
    said.textContent = `${item.querySelector(".node-name").textContent} was written into the field.`;
  }

  filter() {
    const text = this.search.value.trim().toLowerCase();
    let any = false;
    for (const item of this.items().reverse()) {
      const node = item.querySelector(".node");
      const own = `${item.dataset.source} ${node.textContent}`.toLowerCase().includes(text);
      const inside = [...item.querySelectorAll("[role=treeitem]")].some((one) => !one.hidden);
      item.hidden = Boolean(text) && !own && !inside;
      if (text && inside) item.setAttribute("aria-expanded", "true");
      any ||= !item.hidden;
    }
    this.querySelector(".tree-none").hidden = any;
  }

  /** Mark what a field reads, and open the way to it. */
  mark(ids) {
    for (const item of this.items()) item.classList.remove("is-read");
    for (const id of ids) {
      const wanted = id.replace(/^record(?=\/|$)/, this.items()[0]?.dataset.id || "record");
      const item = this.items().find((one) => one.dataset.id === wanted);
      if (!item) continue;
      item.classList.add("is-read");
      for (let up = item.parentElement.closest("[role=treeitem]"); up; up = up.parentElement.closest("[role=treeitem]")) this.expand(up, true);
      const above = item.offsetTop - this.root.offsetTop;
      if (above < this.root.scrollTop || above > this.root.scrollTop + this.root.clientHeight - 30) this.root.scrollTop = above - 60;
    }
  }
}
customElements.define("sample-tree", SampleTree);

/** Inside `{{ … }}` the path alone is written, elsewhere with its braces. */
function insertion(area, source) {
  const before = area.value.slice(0, area.selectionStart);
  const inside = before.lastIndexOf("{{") > before.lastIndexOf("}}") || before.lastIndexOf("{%") > before.lastIndexOf("%}");
  return inside ? source : `{{ ${source} }}`;
}

function follow() {
  const field = document.activeElement?.closest?.("template-field");
  if (field) document.querySelector("sample-tree")?.mark(field.reads);
}
document.addEventListener("focusin", follow);
document.addEventListener("builder:previewed", follow);
