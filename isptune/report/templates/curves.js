// Draws the plots of a report from the numbers in the page; the pictures of plots beside them are for print.

const curveData = document.getElementById("curve-data");
if (curveData) {
  document.documentElement.classList.add("plotting");
  const drawn = { scatter: drawScatter, bars: drawBars };
  for (const [section, plots] of Object.entries(JSON.parse(curveData.textContent))) {
    const box = document.querySelector(`[data-plots="${section}"]`);
    for (const plot of plots) (drawn[plot.kind] ?? drawPlot)(box.appendChild(document.createElement("div")), plot);
  }
}
