// Without this script tables are plain, folds open and close, and colours follow the device.
const status = document.getElementById("status");

// Themes.
{
  const button = document.getElementById("theme");
  const show = () => { button.textContent = `Theme: ${theme.name}`; };
  button.hidden = false;
  show();
  button.addEventListener("click", () => { theme.next(); show(); });
}

// Tables sort by their heads: upward, downward, as they were.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    const key = (row) => {
      const cell = row.cells[column];
      const number = Number.parseFloat(cell.dataset.value);
      // Names may have a verdict beside them.
      const words = cell.querySelector(".name") ?? cell;
      return Number.isNaN(number) ? words.textContent.trim() : number;
    };
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: null }[head.getAttribute("aria-sort")];
      const order = next === undefined ? "ascending" : next;
      for (const other of heads) other.removeAttribute("aria-sort");
      if (order === null) return body.append(...original);
      head.setAttribute("aria-sort", order);
      const compare = (a, b) => {
        // What is missing stands last either way.
        if (a === "" || b === "") return (a === "") - (b === "");
        const up = typeof a === "number" && typeof b === "number"
          ? a - b
          : String(a).localeCompare(String(b), undefined, { numeric: true });
        return order === "ascending" ? up : -up;
      };
      body.append(...[...original].sort((a, b) => compare(key(a), key(b))));
    });
  });
}

// Tables filter by words.
for (const input of document.querySelectorAll("[data-filter]")) {
  const rows = document.getElementById(input.dataset.filter).querySelectorAll("tbody tr");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    status.textContent = `${shown} of ${rows.length} rows`;
  });
}

// What is wider than its frame says so; a frame that does not scroll is no stop for the keyboard.
{
  const mark = (scroll) => {
    const room = scroll.scrollWidth - scroll.clientWidth;
    const frame = scroll.closest(".frame");
    frame?.classList.toggle("wide", room > 1);
    frame?.classList.toggle("more-left", room > 1 && scroll.scrollLeft > 1);
    frame?.classList.toggle("more-right", scroll.scrollLeft < room - 1);
    const tall = scroll.scrollHeight - scroll.clientHeight > 1;
    if (room > 1 || tall) scroll.tabIndex = 0;
    else scroll.removeAttribute("tabindex");
  };
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) mark(target);
  });
  for (const scroll of document.querySelectorAll(".scroll, .figure-frame")) {
    scroll.addEventListener("scroll", () => mark(scroll), { passive: true });
    resized.observe(scroll);
  }
}

// Links that go on beyond an edge fade there, behind an arrow that leads on.
for (const list of document.querySelectorAll("nav ul")) {
  const arrows = [["left", "\u2039", -1], ["right", "\u203A", 1]].map(([side, sign, way]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `onward ${side}`;
    button.textContent = sign;
    // The keyboard walks over the links themselves.
    button.tabIndex = -1;
    button.setAttribute("aria-hidden", "true");
    button.addEventListener("click", () => list.scrollBy({ left: way * 0.7 * list.clientWidth }));
    list.parentElement.append(button);
    return button;
  });
  const mark = () => {
    const room = list.scrollWidth - list.clientWidth;
    const more = [list.scrollLeft > 1, list.scrollLeft < room - 1];
    list.classList.toggle("more-left", more[0]);
    list.classList.toggle("more-right", more[1]);
    arrows.forEach((button, place) => { button.hidden = !more[place]; });
  };
  list.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(list);
}

// What is to be copied.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.innerText);
      button.textContent = status.textContent = "Copied";
    } catch {
      // Pages that were opened from a file may not write to the clipboard.
      getSelection().selectAllChildren(text);
      button.textContent = status.textContent = "Selected: copy with the keyboard";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 3000);
  });
}

// A link leads into a fold, and the fold opens.
{
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    target.querySelector(":scope > details.section")?.setAttribute("open", "");
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();
}

// The links say where the reader is.
{
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const inView = new Set();
  // Scrolls the links alone: `scrollIntoView` would move the page too.
  const show = (link) => {
    const list = link.closest("ul");
    const [of, within] = [link, list].map((element) => element.getBoundingClientRect());
    // Clear of the faded edge.
    const edge = 40;
    if (of.left < within.left + edge || of.right > within.right - edge) {
      list.scrollLeft += of.left - within.left - edge;
    }
  };
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) inView.add(target.id);
      else inView.delete(target.id);
    }
    let first = true;
    for (const [id, link] of links) {
      if (first && inView.has(id)) {
        link.setAttribute("aria-current", "true");
        show(link);
        first = false;
      } else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-20% 0px -60% 0px" });
  for (const section of document.querySelectorAll("main > section")) watch.observe(section);
}

// Paper cannot be clicked.
{
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.words)")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });
}
