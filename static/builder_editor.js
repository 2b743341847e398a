// The large editor: CodeMirror in a dialog, fetched only when somebody opens it, with the result on the sample beneath.
import { fieldNamed, write } from "./fields.js";
import { ask } from "./builder_preview.js";

export function startEditor(form) {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-enlarge]");
    if (!button) return;
    event.preventDefault();
    await open(form, button);
  });
}

async function open(form, button) {
  const area = fieldNamed(button.dataset.enlarge);
  const dialog = document.getElementById("editor");
  dialog.replaceChildren(...frame(area.getAttribute("aria-label")));
  dialog.showModal();
  const [place, truth] = [dialog.querySelector(".editor-place"), dialog.querySelector(".editor-truth")];
  const editor = await makeEditor(place, area.value, () => later());
  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(() => render(form, editor.text(), truth), 200); };
  later();
  editor.focus();
  dialog.querySelector("[data-take]").addEventListener("click", () => {
    const text = editor.text();
    dialog.close();
    write(area, text, { all: true });
    button.focus();
  });
  dialog.addEventListener("close", () => editor.end(), { once: true });
}

function frame(label) {
  const title = document.createElement("h2");
  title.textContent = label;
  const place = document.createElement("div");
  place.className = "editor-place";
  const truth = document.createElement("p");
  truth.className = "truth editor-truth";
  truth.setAttribute("role", "status");
  const actions = document.createElement("div");
  actions.className = "actions";
  const take = document.createElement("button");
  take.type = "button";
  take.dataset.take = "";
  take.textContent = "Take it over";
  const cancel = document.createElement("button");
  cancel.type = "button";
  cancel.className = "quiet";
  cancel.dataset.close = "";
  cancel.textContent = "Cancel";
  actions.append(take, cancel);
  return [title, place, truth, actions];
}

async function makeEditor(place, text, changed) {
  const cm = await import("./vendor/codemirror.js");
  // Inside a shadow root its styles are adopted sheets, which the content security policy allows.
  const root = place.attachShadow({ mode: "open" });
  const view = new cm.EditorView({
    parent: root,
    root,
    state: cm.EditorState.create({
      doc: text,
      extensions: [
        cm.history(), cm.drawSelection(), cm.bracketMatching(), cm.closeBrackets(), cm.jinja(),
        cm.syntaxHighlighting(colours(cm)), cm.EditorView.theme(LOOK),
        cm.keymap.of([...cm.closeBracketsKeymap, ...cm.defaultKeymap, ...cm.historyKeymap]),
        cm.EditorView.lineWrapping,
        cm.EditorView.contentAttributes.of({ "aria-label": "Template" }),
        cm.EditorView.updateListener.of((update) => { if (update.docChanged) changed(); }),
      ],
    }),
  });
  return { text: () => view.state.doc.toString(), focus: () => view.focus(), end: () => view.destroy() };
}

const LOOK = {
  "&": { minHeight: "12rem", fontSize: "0.95rem", color: "var(--ink)", backgroundColor: "var(--sheet)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { minHeight: "12rem", caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": { background: "var(--accent-wash)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-wash)" },
};

function colours(cm) {
  const { tags } = cm;
  return cm.HighlightStyle.define([
    { tag: [tags.brace, tags.paren, tags.squareBracket, tags.keyword, tags.operatorKeyword], color: "var(--accent)" },
    { tag: [tags.variableName, tags.propertyName], color: "var(--accent-deep)" },
    { tag: [tags.string, tags.number, tags.bool], color: "var(--ok)" },
    { tag: tags.comment, color: "var(--faint)" },
  ]);
}

async function render(form, source, truth) {
  const answer = await ask(form, "render", { source });
  if (!answer.ok) return;
  const found = await answer.json();
  truth.dataset.state = found.state;
  const value = found.value !== null && typeof found.value === "object" ? JSON.stringify(found.value, null, 2) : String(found.value);
  truth.textContent = found.state === "value" ? `→ ${value}   ${found.type}` : found.message || "empty here";
}
