// Filters whose state is in the address, and arrow keys in tables of cells. Every page is complete without this.
(() => {
  "use strict";
  const form = document.querySelector("form[data-filters]");
  const read = () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  if (form) {
    const fields = [...form.elements].filter(e => e.name);
    const rows = [...document.querySelectorAll("[data-row]")];
    const text = new Map(rows.map(r => [r, (r.dataset.text ?? r.textContent).toLowerCase()]));
    const told = form.querySelector("[role=status]");
    const of = rows.length, noun = form.dataset.filters;
    const value = f => f.type === "checkbox" ? (f.checked ? "1" : "") : f.value;
    const show = state => {
      for (const f of fields) {
        const v = state.get(f.name) ?? "";
        if (f.type === "checkbox") f.checked = v === "1"; else if (document.activeElement !== f || f.value !== v) f.value = v;
      }
      const words = (state.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
      const plain = fields.map(f => f.name).filter(n => !["q", "interface", "stale"].includes(n));
      const only = state.get("interface") ?? "", stale = state.get("stale") === "1", wanted = state.get("cell") ?? "";
      let shown = 0;
      for (const row of rows) {
        let fits = words.every(w => text.get(row).includes(w));
        for (const name of plain) if (name !== "cell") { const v = state.get(name) ?? ""; fits &&= v === "" || row.dataset[name] === v; }
        const cells = row.querySelectorAll(".c");
        if (cells.length || row.closest(".map")) {
          let some = false;
          for (const c of cells) {
            const hit = (wanted === "" || c.classList.contains(wanted)) && (!stale || c.classList.contains("stale")) && (only === "" || c.parentElement.dataset.i === only);
            c.classList.toggle("dim", !hit);
            some ||= hit;
          }
          fits &&= some || (wanted === "" && !stale && only === "");
        }
        row.hidden = !fits;
        shown += fits ? 1 : 0;
      }
      for (const cell of document.querySelectorAll(".map [data-i]")) cell.hidden = only !== "" && cell.dataset.i !== only;
      const active = fields.some(f => value(f) !== "");
      told.textContent = active ? `${shown} of ${of} ${noun}` : "";
    };
    const write = push => {
      const state = new URLSearchParams();
      for (const f of fields) if (value(f) !== "") state.set(f.name, value(f));
      const hash = state.toString();
      if (hash !== location.hash.slice(1)) history[push ? "pushState" : "replaceState"](null, "", `${location.href.split("#")[0]}#${hash}`);
      show(state);
    };
    form.hidden = false;
    form.addEventListener("submit", e => e.preventDefault());
    form.addEventListener("input", e => write(e.target.name !== "q"));
    form.addEventListener("change", e => { if (e.target.name === "q") { history.pushState(null, "", location.href); } });
    form.addEventListener("reset", () => setTimeout(() => write(true)));
    addEventListener("popstate", () => show(read()));
    addEventListener("hashchange", () => show(read()));
    show(read());
  }
  for (const table of document.querySelectorAll("table.map, table.matrix")) {
    table.addEventListener("keydown", event => {
      const step = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]}[event.key];
      const here = event.target.closest("td, th");
      if (!step || !here || event.altKey || event.ctrlKey || event.metaKey) return;
      let row = here.parentElement, at = here.cellIndex;
      for (;;) {
        if (step[0]) row = step[0] > 0 ? row.nextElementSibling : row.previousElementSibling; else at += step[1];
        const cell = row?.cells[at];
        if (!cell) return;
        const link = row.hidden || cell.hidden ? null : cell.querySelector("a");
        if (link) { link.focus(); event.preventDefault(); return; }
      }
    });
  }
  const target = location.hash && !location.hash.includes("=") && document.getElementById(location.hash.slice(1));
  for (let box = target || null; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
})();
