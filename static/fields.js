// <template-field>: a template input that shows a plain path as words while it has no cursor.
// The words come from the server; without them, text and templates are told apart by colour only.

const TEMPLATE = /(\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\})/;

class TemplateField extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector("textarea");
    if (!this.area || this.shown) return;
    this.shown = document.createElement("span");
    this.shown.className = "shown";
    this.shown.setAttribute("aria-hidden", "true");
    this.append(this.shown);
    this.words = null;
    this.area.addEventListener("focus", () => { this.show(); remembered = this.area; });
    this.area.addEventListener("blur", () => this.show());
    this.area.addEventListener("input", () => { this.words = null; });
    this.area.addEventListener("keydown", (event) => {
      // A single value has no lines; Shift+Enter makes one for those who want it.
      if (event.key === "Enter" && "single" in this.area.dataset && !event.shiftKey && !event.isComposing) event.preventDefault();
    });
    this.show();
  }

  /** Take the server's words for the text as it was sent: {words, tags, reads} or nothing. */
  told(words, text) {
    if (text !== undefined && text !== this.area.value) return;
    this.words = words || null;
    this.show();
  }

  get reads() {
    return this.words?.reads || [];
  }

  show() {
    const text = this.area.value;
    const focused = document.activeElement === this.area;
    this.shown.replaceChildren();
    this.classList.remove("as-words");
    if (focused || !TEMPLATE.test(text)) return;
    if (this.words?.words?.length) this.showPath();
    else this.showText(text);
    this.classList.add("as-words");
  }

  showPath() {
    this.shown.classList.remove("rich");
    const path = document.createElement("span");
    path.className = "word-path";
    this.words.words.forEach((word, place) => {
      if (place) {
        const arrow = document.createElement("b");
        arrow.textContent = "›";
        path.append(arrow);
      }
      path.append(word);
    });
    this.shown.append(path);
    for (const tag of this.words.tags) {
      const shown = document.createElement("span");
      shown.className = "word-tag";
      shown.textContent = tag;
      this.shown.append(shown);
    }
  }

  showText(text) {
    this.shown.classList.add("rich");
    for (const part of text.split(TEMPLATE)) {
      if (!part) continue;
      const shown = document.createElement("span");
      shown.textContent = part;
      if (TEMPLATE.test(part)) shown.className = "template-part";
      this.shown.append(shown);
    }
  }
}
customElements.define("template-field", TemplateField);

let remembered = null;

/** The template input that had the cursor last, if it is still there. */
export function lastField() {
  return remembered?.isConnected ? remembered : null;
}

/** Write text into an input as if it had been typed, so that undo works and everybody hears of it. */
export function write(area, text, { all = false } = {}) {
  area.focus();
  if (all) area.select();
  if (!document.execCommand("insertText", false, text)) {
    const from = all ? 0 : area.selectionStart;
    area.setRangeText(text, from, all ? area.value.length : area.selectionEnd, "end");
    area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

export function fieldNamed(name) {
  return document.getElementById(`in-${name}`);
}

/** Hand the server's words to every field: {name: {words, tags, reads}}. texts: what was sent, by name. */
export function tellWords(words, texts) {
  for (const field of document.querySelectorAll("template-field")) {
    const name = field.dataset.name;
    field.told(words[name], texts ? texts.get(name)?.replaceAll("\r\n", "\n") : undefined);
  }
}
