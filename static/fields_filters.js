// The ƒ menu: what can be done to a value, each by example on this sample. Choosing one writes it into the field.
import { fieldNamed, write } from "./fields.js";
import { ask } from "./builder_preview.js";

let menu = null;
let opener = null;

export function startFilters(form) {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-filters]");
    if (button) {
      event.preventDefault();
      const again = button === opener;
      close();
      if (!again) await openFor(form, button);
    } else if (menu && !menu.contains(event.target)) {
      close();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!menu) return;
    const items = [...menu.querySelectorAll("[role=menuitem]")];
    const place = items.indexOf(document.activeElement);
    if (event.key === "Escape") { event.preventDefault(); const back = opener; close(); back.focus(); }
    if (event.key === "ArrowDown") { event.preventDefault(); items[(place + 1) % items.length]?.focus(); }
    if (event.key === "ArrowUp") { event.preventDefault(); items[(place - 1 + items.length) % items.length]?.focus(); }
    if (event.key === "Tab") close();
  });
}

async function openFor(form, button) {
  const area = fieldNamed(button.dataset.filters);
  opener = button;
  button.setAttribute("aria-expanded", "true");
  const answer = await ask(form, "filters", { source: area.value });
  if (opener !== button || !answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  menu = document.createElement("div");
  menu.className = "filters";
  menu.append(...page.body.childNodes);
  menu.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-template]");
    if (!choice) return;
    close();
    write(area, choice.dataset.template, { all: true });
  });
  document.body.append(menu);
  const place = button.getBoundingClientRect();
  const width = menu.offsetWidth;
  menu.style.left = `${Math.max(8, Math.min(place.right - width, innerWidth - width - 8)) + scrollX}px`;
  menu.style.top = `${place.bottom + scrollY + 4}px`;
  (menu.querySelector("[role=menuitem]") || button).focus({ preventScroll: true });
}

function close() {
  opener?.removeAttribute("aria-expanded");
  menu?.remove();
  menu = opener = null;
}
