// <choice-list>: a list of buttons with a search field, which the server renders hidden for browsers without scripts.

class ChoiceList extends HTMLElement {
  connectedCallback() {
    const search = this.querySelector(".choice-search");
    search.hidden = false;
    if (search.hasAttribute("autofocus")) search.focus();
    search.addEventListener("input", (event) => { event.stopPropagation(); this.filter(search.value); });
    search.addEventListener("change", (event) => event.stopPropagation());
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.querySelector("li:not([hidden]) .choice")?.click();
      } else if (event.key === "ArrowDown") {
        event.preventDefault();
        this.querySelector("li:not([hidden]) .choice")?.focus();
      }
    });
    this.closest("details")?.addEventListener("toggle", (event) => {
      if (event.target.open && event.target.dataset.quiet === undefined) search.focus();
    });
  }

  filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let any = false;
    for (const group of this.querySelectorAll(".choice-group")) {
      const title = group.querySelector("h3").textContent;
      let found = false;
      for (const item of group.querySelectorAll("li")) {
        const told = `${title} ${item.textContent}`.toLowerCase();
        item.hidden = !words.every((word) => told.includes(word));
        found ||= !item.hidden;
      }
      group.hidden = !found;
      any ||= found;
    }
    this.querySelector(".choice-none").hidden = any;
  }
}
customElements.define("choice-list", ChoiceList);
