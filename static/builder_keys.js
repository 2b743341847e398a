// Keys for people who build many recipes. They work only while no field has the cursor and no sheet is open.

export function startKeys(form, edits) {
  const actions = {
    t: () => document.getElementById("run-test")?.click(),
    s: () => document.getElementById("in-sample")?.focus(),
    p: () => document.getElementById("publish")?.click(),
    a: () => openSteps(),
    j: () => move(form, 1),
    k: () => move(form, -1),
    "?": () => document.querySelector("[data-open=keys]").click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog, [role=tree], .filters")) return;
    const action = actions[event.key];
    if (!action || (!edits && "tspa".includes(event.key))) return;
    event.preventDefault();
    action();
  });
}

function openSteps() {
  const chooser = document.getElementById("add-step");
  if (!chooser) return;
  if (chooser.open) chooser.querySelector(".choice-search").focus();
  chooser.open = true;
  chooser.scrollIntoView({ block: "nearest" });
}

function move(form, by) {
  const cards = [...form.querySelectorAll("[data-card]")];
  const now = cards.findIndex((card) => card.contains(document.activeElement));
  const next = cards[now < 0 ? (by > 0 ? 0 : cards.length - 1) : now + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
