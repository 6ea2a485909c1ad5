// draw shows numbers as a line, the newest at the right, from zero up.
export function draw(svg, values, label) {
  const most = Math.max(1, ...values);
  const points = values.map((v, i) => {
    const x = 100 - ((values.length - 1 - i) * 100) / 59;
    return `${x.toFixed(1)},${(22 - (v / most) * 20).toFixed(1)}`;
  });
  if (points.length === 1) points.unshift(`98,${points[0].split(",")[1]}`); // a point is no line
  svg.firstElementChild.setAttribute("points", points.join(" "));
  svg.setAttribute("aria-label", `${label}: now ${values.at(-1)}, at most ${Math.max(...values)}`);
}
