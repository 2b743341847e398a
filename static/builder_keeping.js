// What a change of shape must not disturb: folds stay as they were, selects show what belongs to them, Enter in a
// field sends nothing.

const folds = new Map();

export function startKeeping(form) {
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "recipe") return;
    folds.clear();
    for (const fold of form.querySelectorAll("details[id]")) folds.set(fold.id, fold.open);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "recipe") return;
    for (const fold of document.querySelectorAll("#recipe details[id]")) {
      if (fold.classList.contains("chooser") || !folds.has(fold.id)) continue;
      fold.open = folds.get(fold.id) || Boolean(fold.querySelector("[autofocus]"));
    }
    document.querySelector("#recipe [autofocus]")?.focus();
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-policy]")) {
      const policy = event.target.closest(".policy");
      const instead = policy.querySelector("input[name$='/default']");
      instead.hidden = event.target.value !== "default";
      policy.classList.toggle("chosen", event.target.value !== "");
      if (!instead.hidden) instead.focus();
    }
    if (event.target.matches("[data-op]")) {
      const takes = event.target.selectedOptions[0].dataset.right === "1";
      event.target.closest(".condition").querySelector(".right").hidden = !takes;
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=checkbox], [type=radio])")) event.preventDefault();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
}
