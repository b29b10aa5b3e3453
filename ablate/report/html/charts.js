"use strict";
// Replaces the image of each figure by an interactive chart, once the figure is near the window.
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
  plot.replaceChildren(drawn);
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
