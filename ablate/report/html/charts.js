"use strict";
// Puts an interactive chart in the place of each image, once the figure is near the window.
const OPTIONS = {
  // An interpreter of expressions, since the policy of the page forbids making code from text.
  ast: true,
  mode: "vega-lite",
  renderer: "svg",
  actions: false,
  // Styles that these libraries insert are forbidden too; ours are in the style sheet.
  defaultStyle: false,
  tooltip: { disableDefaultStyle: true },
  logLevel: 1, // errors, and no warnings
};
const NARROWEST_PANEL = 290;

// Fits the specification to the width: panels below each other, and a legend of fewer columns.
function fitted(spec, width) {
  const { margin, entry } = spec.usermeta;
  const columns = spec.config.legend.columns;
  spec.config.legend.columns = Math.max(1, Math.min(columns, Math.floor(width / entry)));
  if (spec.concat) {
    spec.columns = Math.max(1, Math.min(spec.columns, Math.floor(width / NARROWEST_PANEL)));
    for (const panel of spec.concat) panel.width = Math.floor(width / spec.columns) - margin;
  } else {
    spec.width = width;
  }
  return spec;
}

function save(figure, name, url) {
  const link = document.createElement("a");
  link.href = url;
  link.download = `${figure.querySelector("h3").textContent.replace(/[^\p{L}\p{N}]+/gu, "-")}.${name}`;
  link.click();
}

function button(label, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", action);
  return made;
}

const LEGEND = "Legend: Enter or Space leaves only this entry, and then adds others or takes them away.";
// A place for the keyboard on each entry of the legend. The mouse goes through it, to the entry itself.
function keys(plot, view) {
  const frame = plot.parentElement;
  const made = document.createElement("div");
  const entries = () => [...plot.querySelectorAll("[class*=legend_entries] > g")];
  made.role = "group";
  made.ariaLabel = LEGEND;
  made.className = "keys";
  const buttons = entries().map((entry, place) => {
    // The entries are looked up again each time, since the chart may have drawn them anew.
    const symbol = () => entries()[place].querySelector(".role-legend-symbol path");
    const key = button("", () => symbol().dispatchEvent(new MouseEvent("click", { bubbles: true })));
    key.ariaLabel = entry.textContent;
    key.ariaPressed = "false";
    key.addEventListener("focus", () => {
      const { left, top, width, height } = entries()[place].getBoundingClientRect();
      const origin = frame.getBoundingClientRect();
      key.style.left = `${left - origin.left + frame.scrollLeft}px`;
      key.style.top = `${top - origin.top}px`;
      key.style.width = `${width}px`;
      key.style.height = `${height}px`;
    });
    return key;
  });
  view.addDataListener("shown_store", (_, chosen) => {
    for (const key of buttons) key.ariaPressed = String(chosen.some((one) => one.values.includes(key.ariaLabel)));
  });
  made.append(...buttons);
  frame.querySelector(".keys")?.remove();
  plot.after(made);
}

async function show(figure) {
  const plot = figure.querySelector(".plot");
  const width = plot.parentElement.clientWidth - 2;
  if (!width || plot.dataset.width === String(width)) return;
  plot.dataset.width = width;
  const spec = fitted(JSON.parse(figure.querySelector("script").textContent), width);
  const drawn = document.createElement("div");
  // The plot itself has a name, which tells what the figure shows.
  drawn.ariaHidden = "true";
  const { view } = await vegaEmbed(drawn.appendChild(document.createElement("div")), spec, OPTIONS);
  plot.querySelector(":scope > div")?.remove();
  plot.prepend(drawn); // the image after it is for paper, where the chart of a wide window would be too small to read
  if (spec.params?.some((one) => one.name === "shown")) keys(plot, view);
  const tools = figure.querySelector(".tools") ?? document.createElement("p");
  tools.className = "tools";
  const svg = async () =>
    save(figure, "svg", URL.createObjectURL(new Blob([await view.toSVG()], { type: "image/svg+xml" })));
  const png = async () => save(figure, "png", await view.toImageURL("png", 2));
  const again = () => {
    delete plot.dataset.width;
    show(figure);
  };
  tools.replaceChildren(button("Save SVG", svg), button("Save PNG", png), button("Reset", again));
  plot.parentElement.after(tools);
}

const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) if (entry.isIntersecting) show(entry.target);
  },
  { rootMargin: "400px" },
);
for (const figure of document.querySelectorAll("figure.chart")) near.observe(figure);
let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    for (const plot of document.querySelectorAll(".plot[data-width]")) show(plot.closest("figure"));
  }, 200);
});
