// Draws the plotly figures of a page (mime.py stores them as JSON) in the colours and words of the page.
// plotly is two thirds of all that a page could load: it comes when a figure comes near the window.
(() => {
  "use strict";
  const root = document.documentElement;
  const language = root.lang;
  const { plotly, words } = document.currentScript.dataset;

  const config = () => ({
    responsive: true,
    displaylogo: false,
    locale: window.talwegPlotlyLocale ? window.talwegPlotlyLocale.name : language,
    // no button that would send the figure to another host
    showSendToCloud: false,
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "toImage"],
  });

  function color(name) {
    return getComputedStyle(root).getPropertyValue(`--talweg-${name}`).trim();
  }

  function themedAxis(axis) {
    const line = color("grid");
    return { ...axis, color: color("fg"), gridcolor: line, zerolinecolor: line, linecolor: line };
  }

  function themed(layout) {
    const clear = "rgba(0,0,0,0)";
    const font = { ...layout.font, color: color("fg"), family: getComputedStyle(document.body).fontFamily };
    const modebar = { bgcolor: clear, color: color("muted"), activecolor: color("accent") };
    const result = { ...layout, paper_bgcolor: clear, plot_bgcolor: clear, font, modebar };
    const axes = new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))]);
    axes.forEach((key) => { result[key] = themedAxis(layout[key]); });
    const scenes = Object.keys(layout).filter((key) => /^scene\d*$/.test(key));
    scenes.forEach((key) => {
      const scene = { ...layout[key], bgcolor: clear };
      for (const axis of ["xaxis", "yaxis", "zaxis"]) {
        scene[axis] = { ...themedAxis(scene[axis]), backgroundcolor: clear, showbackground: false };
      }
      result[key] = scene;
    });
    return result;
  }

  const figures = [...document.querySelectorAll(".talweg-plotly")].map((box) => {
    const figure = JSON.parse(box.querySelector("script").textContent);
    const canvas = document.createElement("div");
    box.append(canvas);
    return { canvas, ...figure };
  });

  function draw({ canvas, data, layout }) {
    Plotly.react(canvas, data, themed({ autosize: true, ...layout, width: undefined }), config());
  }

  function load(address) {
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      Object.assign(script, { src: address, onload: done, onerror: failed });
      document.head.append(script);
    });
  }

  let loading = null;
  function loadPlotly() {
    loading ??= Promise.all([load(plotly), load(words)]).then(() => {
      if (window.talwegPlotlyLocale) Plotly.register(window.talwegPlotlyLocale);
    });
    return loading;
  }

  const drawn = new Set();
  const observer = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    observer.unobserve(entry.target);
    const figure = figures.find(({ canvas }) => canvas.parentElement === entry.target);
    loadPlotly().then(() => { draw(figure); drawn.add(figure); });
  }), { rootMargin: "600px" });
  figures.forEach(({ canvas }) => observer.observe(canvas.parentElement));
  document.addEventListener("talweg:theme", () => drawn.forEach(draw));
})();
