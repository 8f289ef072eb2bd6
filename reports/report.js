// Filters the findings, opens what a link points at, and opens everything for printing.
// Without it the report reads the same, in full.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const findings = document.getElementById("findings");
  const items = [...findings.querySelectorAll("[data-level]")];

  const openAround = (element) => {
    for (let at = element; at; at = at.parentElement) {
      if (at instanceof HTMLDetailsElement) at.open = true;
    }
  };
  const showTarget = () => {
    let id;
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = id && document.getElementById(id);
    if (!target) return;
    if (target.hidden && form) { form.reset(); apply(); }
    openAround(target);
    document.querySelectorAll(".targeted").forEach((old) => old.classList.remove("targeted"));
    if (target.matches("tr, details")) target.classList.add("targeted");
    target.scrollIntoView();
  };

  const field = (name) => document.getElementById("filter-" + name);
  const value = (name) => field(name) ? field(name).value : "";
  const texts = new Map();
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase());
    return texts.get(item);
  };
  // A finding is in a time if any of it is: days are compared as texts, as RFC 3339 allows.
  const inTime = (data, from, until) => (!from || data.last >= from) && (!until || !(data.first.slice(0, 10) > until));
  const apply = () => {
    const words = value("text").toLowerCase().split(/\s+/).filter(Boolean);
    const [level, state, account, policy, from, until] = ["level", "state", "account", "policy", "from", "until"].map(value);
    let shown = 0;
    for (const item of items) {
      const data = item.dataset;
      const fits = (!level || data.level === level) && (!state || data.state === state) && (!account || data.account === account)
        && (!policy || data.policy === policy) && inTime(data, from, until) && words.every((word) => textOf(item).includes(word));
      item.hidden = !fits;
      if (fits) shown += 1;
    }
    const filtered = shown !== items.length;
    findings.classList.toggle("filtered", filtered);
    for (const block of findings.querySelectorAll(".block")) block.hidden = !block.querySelector("tr[data-level]:not([hidden])");
    const count = document.getElementById("filter-count");
    count.textContent = count.dataset.text
      .replace("{shown}", shown.toLocaleString("en")).replace("{all}", items.length.toLocaleString("en"));
  };

  if (form) {
    form.hidden = false;
    let waiting;
    form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
    form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
    form.addEventListener("reset", () => setTimeout(apply));
    document.getElementById("open-all").addEventListener("click", () => {
      for (const item of items) if (!item.hidden && item instanceof HTMLDetailsElement) item.open = true;
    });
    for (const name of ["policy", "account"]) {
      for (const link of document.querySelectorAll("[data-filter-" + name + "]")) {
        link.addEventListener("click", (event) => {
          event.preventDefault();
          form.reset();
          field(name).value = link.getAttribute("data-filter-" + name);
          apply();
          findings.scrollIntoView();
          field(name).focus({ preventScroll: true });
        });
      }
    }
    // From the picture to the list: a column of the chart sets the days.
    for (const mark of document.querySelectorAll("rect[data-from]")) {
      mark.addEventListener("click", () => {
        form.reset();
        field("from").value = mark.dataset.from;
        field("until").value = mark.dataset.until;
        if (mark.dataset.rowLevel) field("level").value = mark.dataset.rowLevel;
        apply();
        findings.scrollIntoView();
        field("from").focus({ preventScroll: true });
      });
    }
    apply();
  }
  addEventListener("hashchange", showTarget);
  showTarget();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; closed = []; });
})();
