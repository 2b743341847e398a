// Keeps the parts marked data-live up to date, without taking away what a person is about to do in them.
const EVERY_MS = 2500;

function isInUse(part) {
  if (part.contains(document.activeElement) && document.activeElement.matches("select, input")) return true;
  return [...part.querySelectorAll("select")].some((select) =>
    [...select.options].some((option) => option.selected !== option.defaultSelected && option.selected));
}

async function refresh() {
  if (document.hidden) return;
  const reply = await fetch(location.pathname, { headers: { Accept: "text/html" } });
  if (!reply.ok) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const newer = fresh.getElementById(part.id);
    if (!newer || isInUse(part) || newer.innerHTML === part.innerHTML) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.replaceChildren(...newer.childNodes);
    if (focused) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
}

if (document.querySelector("[data-live]")) {
  setInterval(() => refresh().catch(() => {}), EVERY_MS);
}
