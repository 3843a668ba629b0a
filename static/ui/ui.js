// What pages do beyond links and forms. Everything works without this file; it only saves steps.
"use strict";
(() => {
  document.documentElement.dataset.script = "";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (text) => { const box = $("#announcer"); if (box && text) box.textContent = text; };

  // What is posted says that scripts run, so that the server may take steps one by one.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.elements.namedItem("scripts")) return;
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "scripts", value: "1" }));
  });

  // A form that is sent from a window of its own (a sign-in elsewhere); where none opens, from this one.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-window]");
    if (!form || !form.checkValidity()) return;
    const name = form.dataset.window, opened = window.open("", name, "popup,width=520,height=720");
    const mark = $("input[name=in_window]", form);
    if (mark) mark.remove();
    form.removeAttribute("target");
    if (!opened) return;
    form.target = name;
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "in_window", value: "1" }));
    setTimeout(() => htmx.ajax("GET", location.href, { target: "#main", select: "#main", swap: "outerHTML" }), 1500);
  });
  const closing = $("[data-close-window]");
  if (closing && window.name) {
    closing.addEventListener("click", (event) => { event.preventDefault(); window.close(); });
    window.close();
  }

  // Selection: the head's box ticks the page's rows, "select all" stands for every row, the count says how many.
  function selection(root = document) {
    for (const form of $$("[data-selection]", root)) {
      const head = $("[data-select-page]", form);
      if (head) head.hidden = false;
      count(form);
    }
  }
  function count(form) {
    const boxes = $$("input[name=selected]", form), ticked = boxes.filter((box) => box.checked).length;
    const head = $("[data-select-page]", form), region = form.closest(".rows");
    const all = region && $("input[name=all_matching]", region), out = region && $("[data-selected]", region);
    if (head) { head.checked = ticked > 0 && ticked === boxes.length; head.indeterminate = ticked > 0 && ticked < boxes.length; }
    if (out) out.textContent = all && all.checked ? ", all selected" : ticked ? `, ${ticked} ${out.dataset.selected || "selected"}` : "";
    return ticked;
  }
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.type !== "checkbox") return;
    const form = box.form && box.form.matches("[data-selection]") ? box.form : null;
    if (!form) return;
    if (box.matches("[data-select-page]")) $$("input[name=selected]", form).forEach((one) => { one.checked = box.checked; });
    const all = form.elements.namedItem("all_matching");
    if (box.name === "all_matching") $$("input[name=selected]", form).forEach((one) => { one.checked = box.checked; });
    else if (all instanceof HTMLInputElement && !box.checked) all.checked = false;
    count(form);
  });
  // The head of a long list stays below the action bar, however many lines that takes.
  const bar = $(".actionbar");
  if (bar && $("[data-stick]")) {
    new ResizeObserver(() => document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`)).observe(bar);
  }
  // Choosing a row's candidate ticks the row.
  document.addEventListener("change", (event) => {
    const radio = event.target;
    if (!(radio instanceof HTMLInputElement) || radio.type !== "radio" || !radio.form?.matches("[data-selection]")) return;
    const line = radio.closest("tr"), box = line && $("input[name=selected]", line);
    if (box && !box.checked) { box.checked = true; count(radio.form); }
  });
  // Conflicts: typing another value chooses it; the foot says how much is chosen and what would be written.
  function chosen(form) {
    const out = $("[data-chosen]", form), rows = $$("fieldset.fieldrow", form);
    const taken = (part) => $$("fieldset.fieldrow input[type=radio]:checked", part).map((radio) => radio.value);
    const pairs = $$("[data-pair]", form).map(taken), writes = (side) => pairs.filter((all) => all.some((one) => one !== side)).length;
    const fields = pairs.flat().length, here = writes("here"), there = writes("there"), s = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
    $$("[data-pair]", form).forEach((pair, at) => {
      const of = $("[data-of] .status", pair), all = $$("fieldset.fieldrow", pair).length, some = pairs[at].length;
      if (of) { of.textContent = `${some} of ${all} chosen`; of.dataset.state = some === all ? "ok" : some ? "warn" : ""; }
    });
    if (out) out.textContent = fields ? `${fields} of ${s(rows.length, "field")} chosen. ${s(here, "record")} here and ${s(there, "row")} in Dataverse would be written.` : "";
  }
  for (const type of ["input", "change"]) document.addEventListener(type, (event) => {
    const form = event.target.form?.matches?.("[data-conflicts]") ? event.target.form : null, other = event.target.closest?.(".take.other");
    if (other && event.target.type !== "radio" && event.target.value) $("input[type=radio]", other).checked = true;
    if (form) chosen(form);
  });
  // Shift+click ticks a range.
  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.name !== "selected" || !box.form) return;
    if (event.shiftKey && last && last.form === box.form) {
      const boxes = $$("input[name=selected]", box.form), [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach((one) => { one.checked = box.checked; });
      count(box.form);
    }
    last = box;
  });

  // Tell Me: results below the field, arrow keys walk them, Escape puts them away.
  const field = $("#tellme"), found = $("#tellme-found");
  const hits = () => $$("a", found);
  function put_away() { if (found) found.hidden = true; }
  if (field && found) {
    field.addEventListener("input", () => { if (!field.value.trim()) put_away(); });
    field.addEventListener("focus", () => { if (field.value.trim() && found.childElementCount) found.hidden = false; });
    field.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { put_away(); field.focus(); return; }
      if (!["ArrowDown", "ArrowUp"].includes(event.key) || found.hidden) return;
      const all = hits(), at = all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      event.preventDefault();
      (at < 0 ? field : all[Math.min(at, all.length - 1)])?.focus();
    });
    document.addEventListener("pointerdown", (event) => { if (!field.form.contains(event.target)) put_away(); });
    field.form.addEventListener("focusout", (event) => { if (event.relatedTarget && !field.form.contains(event.relatedTarget)) put_away(); });
  }

  // Menus: arrow keys walk what is open; where CSS cannot place a popover beside its button, this does.
  const anchored = CSS.supports("position-area: block-end");
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLElement) || !menu.matches(".menu[popover]") || anchored || event.newState !== "open") return;
    const button = $(`[popovertarget="${menu.id}"]`), box = button.getBoundingClientRect(), inner = button.closest(".menu");
    menu.style.inset = "auto"; menu.style.margin = "0";
    menu.style.top = `${inner ? box.top : box.bottom + 4}px`;
    menu.style.left = `${Math.max(8, Math.min(inner ? box.right + 4 : box.left, innerWidth - menu.offsetWidth - 8))}px`;
  }, true);
  document.addEventListener("keydown", (event) => {
    if (!["ArrowDown", "ArrowUp"].includes(event.key) || !(event.target instanceof HTMLElement)) return;
    const menu = event.target.closest(".menu"), button = event.target.closest("button[popovertarget]");
    if (!menu && button && event.key === "ArrowDown") {
      const opened = document.getElementById(button.getAttribute("popovertarget"));
      if (!opened?.matches(".menu")) return;
      event.preventDefault(); opened.showPopover(); $("a, button, input, select", opened)?.focus();
    } else if (menu && event.target.matches("a, button")) {
      const items = $$("a, button", menu).filter((one) => one.closest(".menu") === menu), at = items.indexOf(event.target);
      event.preventDefault(); items[(at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length].focus();
    }
  });

  // Keys of the business system: Alt+Q Tell Me, F6 and Shift+F6 from FastTab to FastTab, Alt+F6 opens and closes one,
  // Alt+F2 shows and hides the fact boxes.
  document.addEventListener("keydown", (event) => {
    if (event.altKey && !event.ctrlKey && !event.metaKey && event.code === "KeyQ" && field) {
      event.preventDefault(); field.focus(); field.select();
    } else if (event.altKey && event.key === "F2") {
      const facts = $("#facts");
      if (facts) { event.preventDefault(); facts.hidden = !facts.hidden; say(facts.hidden ? "Details hidden" : "Details shown"); }
    } else if (event.key === "F6") {
      const tabs = $$(".fasttab > summary");
      if (!tabs.length) return;
      const inside = document.activeElement?.closest(".fasttab"), at = inside ? tabs.indexOf($(":scope > summary", inside)) : -1;
      event.preventDefault();
      if (event.altKey) { const tab = inside ?? tabs[0].parentElement; tab.open = !tab.open; remember(tab); $(":scope > summary", tab).focus(); }
      else tabs[(at + (event.shiftKey ? -1 : 1) + tabs.length) % tabs.length].focus();
    }
  });

  // Copy buttons.
  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-copy]");
    if (!button) return;
    if (button.href) event.preventDefault();
    try { await navigator.clipboard.writeText(document.getElementById(button.dataset.copyFrom)?.value ?? (button.href || button.dataset.copy)); say("Copied"); } catch { say("Copying is not allowed here"); }
  });

  // Dialogs: a link with hx-target #dialog-body fills it; Cancel and Escape close it, focus returns to the link.
  const dialog = $("#dialog");
  document.addEventListener("click", (event) => {
    if (dialog && event.target instanceof Element && event.target.closest("[data-close]") && dialog.open) { event.preventDefault(); dialog.close(); }
  });

  // A link in an error summary leads into its field, opening the FastTab it is in.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("#form-errors a[href^='#']");
    const control = link && document.getElementById(link.hash.slice(1));
    if (!control) return;
    event.preventDefault();
    for (let tab = control.closest("details"); tab; tab = tab.parentElement.closest("details")) tab.open = true;
    control.focus();
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.matches?.("[data-poll]")) event.preventDefault();
  });
  let phase = $("[data-announce-change]")?.dataset.announceChange;
  document.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target.id === "dialog-body") { dialog.setAttribute("aria-labelledby", "dialog-title"); if (!dialog.open) dialog.showModal(); return; }
    if (target.id === "tellme-found") { found.hidden = !field.value.trim(); say($("[data-announce]", found)?.dataset.announce); return; }
    const live = $("[data-announce-change]");
    if (live && live.dataset.announceChange !== phase) { phase = live.dataset.announceChange; say(phase); }
    if (target.id === "live" || target.id === "main") {
      if (!live && phase) { phase = ""; say($("#page-state")?.textContent.trim()); }
    }
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const swapped = event.detail.elt;
    ready(document);
    const words = swapped.matches?.("[data-announce]") ? swapped : swapped.querySelector?.("[data-announce]");
    if (words && swapped.id !== "tellme-found") say(words.dataset.announce);
  });
  // What a request came to when it came to nothing; and when the session has ended, the whole page goes to sign in.
  function complain(text) {
    const alerts = $("#alerts");
    if (!alerts) return;
    const bar = document.createElement("div"), words = document.createElement("p"), body = document.createElement("div");
    words.textContent = text;
    bar.className = "notice";
    bar.dataset.state = "bad";
    body.append(words);
    bar.append(body);
    alerts.replaceChildren(bar);
  }

  // What is typed while a part of its form is on its way stays, and goes on its way in turn.
  let typed = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const one = document.activeElement, { target, requestConfig } = event.detail;
    const inside = target.matches?.("[data-keep-typed]") && target.contains(one) && one.matches("input[id]:not([type=checkbox], [type=radio])");
    typed = inside && one.value !== requestConfig.parameters[one.name] ? { id: one.id, value: one.value } : null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    const one = typed && document.getElementById(typed.id);
    if (one) { one.value = typed.value; one.dispatchEvent(new Event("change", { bubbles: true })); }
    typed = null;
  });

  document.addEventListener("htmx:responseError", () => complain("The server did not answer as expected. Reload the page and try again."));
  document.addEventListener("htmx:sendError", () => complain("The server cannot be reached. What you see may be out of date."));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    if (xhr.status >= 400) return;
    if (new URL(xhr.responseURL).pathname !== new URL(pathInfo.requestPath, location.href).pathname) { event.preventDefault(); location.reload(); return; }
    if ($("#alerts .notice[data-state=bad]") && event.target.matches?.("[data-poll]")) $("#alerts").replaceChildren();
  });

  // Which FastTabs a person keeps open, told to the server in passing. (The toggle event also fires while a page loads.)
  function remember(tab) {
    if (!tab.dataset.keep) return;
    const sent = new FormData();
    sent.append("page", tab.dataset.keep); sent.append("tab", tab.id); sent.append("open", tab.open ? "1" : "");
    const headers = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
    fetch(document.body.dataset.tabs, { method: "POST", body: sent, headers, keepalive: true }).catch(() => {});
  }
  document.addEventListener("click", (event) => {
    const summary = event.target instanceof Element && event.target.closest(".fasttab > summary");
    if (summary) setTimeout(() => remember(summary.parentElement));
  });

  function ready(root) {
    selection(root);
    $$("[data-conflicts]", root).forEach(chosen);
    $$("[data-copy][hidden]", root).forEach((button) => { button.hidden = false; });
  }
  ready(document);
  $(".mainnav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  addEventListener("pageshow", () => selection());
})();
