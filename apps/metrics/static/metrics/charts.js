// The one way to make a chart: <div data-chart id="x"> next to <script type="application/json" id="x-data">.
"use strict";

(() => {
  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const NAME = 15, LETTER = 6.6, AXIS = 24; // pixels: a line of text, a letter, what is below a plot
  const drawn = new Map();

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  function faded(name, share) {
    return echarts.color.modifyAlpha(opaque(colour(name)), share);
  }

  // ECharts takes hexadecimal colours; a browser returns all others as rgb.
  function opaque(text) {
    const probe = document.createElement("i");
    probe.style.color = text;
    document.body.append(probe);
    const rgb = getComputedStyle(probe).color;
    probe.remove();
    return rgb;
  }

  function duration(seconds) {
    const whole = Math.round(seconds);
    const minutes = rounded(whole, MINUTE), hours = rounded(whole, HOUR);
    if (whole < MINUTE) return `${whole} s`;
    if (minutes < DAY) return units(minutes, [[HOUR, "h"], [MINUTE, "min"]]);
    if (hours < 14 * DAY) return units(hours, [[DAY, "d"], [HOUR, "h"]]);
    return units(rounded(whole, DAY), [[DAY, "d"]]);
  }

  function rounded(whole, unit) {
    return Math.floor((whole + unit / 2) / unit) * unit;
  }

  function units(whole, sizes) {
    const words = [];
    for (const [size, unit] of sizes) {
      if (whole >= size) words.push(`${Math.floor(whole / size)} ${unit}`);
      whole %= size;
    }
    return words.join(" ");
  }

  // For hints: to the minute, and below an hour to the second.
  function precise(seconds) {
    const whole = Math.round(seconds);
    if (whole < HOUR) return units(whole, [[MINUTE, "min"], [1, "s"]]) || "0 s";
    return units(rounded(whole, MINUTE), [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"]]);
  }

  function exact(value, unit) {
    if (value === null || value === undefined) return "no data";
    if (unit === "duration") return precise(value);
    if (unit === "share") return `${(value * 100).toFixed(1)} %`;
    return value.toLocaleString("en", { maximumFractionDigits: 1 });
  }

  // Ticks of durations fall on whole hours or days, as a person would draw them.
  function durationStep(largest) {
    const steps = [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR];
    for (const days of [1, 2, 4, 7, 14, 28, 56, 112, 224]) steps.push(days * DAY);
    return steps.find((step) => largest / step <= 5) || 448 * DAY;
  }

  function largestOf(chart) {
    const stacked = chart.kind === "stack";
    const sums = chart.labels.map((_, i) => chart.series.reduce(
      (sum, s) => (stacked ? sum + (s.values[i] || 0) : Math.max(sum, s.values[i] || 0)), 0));
    return Math.max(...sums, ...chart.previous.map((value) => value || 0), 0);
  }

  // Where an axis of durations ends: at a whole step; 0 without data.
  function endOf(chart) {
    const largest = largestOf(chart), step = durationStep(largest);
    return Math.ceil(largest / step) * step;
  }

  function valueAxis(chart, style) {
    const largest = largestOf(chart);
    const axis = {
      type: "value", min: 0, splitNumber: 4,
      axisLabel: { color: style.muted, fontSize: 12, formatter: (value) => tick(value, chart.unit) },
      splitLine: { lineStyle: { color: style.hairline } },
    };
    if (chart.unit === "duration") {
      axis.interval = durationStep(largest);
      axis.max = endOf(chart) || axis.interval;
    }
    if (chart.unit === "count") axis.minInterval = 1;
    if (chart.bounds.length) axis.axisLine = axis.axisTick = { show: false }; // Beside an axis of numbers they would be drawn.
    if (chart.unit === "share") { axis.max = shareEnd(largest); axis.interval = axis.max / 4; }
    return axis;
  }

  // Shares are drawn up to 100 %, small ones up to a whole number of per cents.
  function shareEnd(largest) {
    return [0.04, 0.08, 0.2, 0.4].find((end) => largest <= end) || 1;
  }

  function tick(value, unit) {
    if (value === 0) return "0";
    if (unit === "duration") return duration(value);
    return unit === "share" ? `${Math.round(value * 100)} %` : exact(value, unit);
  }

  function name(label) {
    return label.replace(/^\d{4}-W0?/, "W");
  }

  function monthName(label) {
    const [year, month] = label.split("-").map(Number);
    const text = new Date(Date.UTC(year, month - 1)).toLocaleString("en", { month: "short", timeZone: "UTC" });
    return month === 1 ? `${text} ${year}` : text;
  }

  function short(label) {
    if (/^\d{4}-W\d\d$/.test(label)) return name(label);
    if (/^\d{4}-\d\d-\d\d$/.test(label)) return `${Number(label.slice(8))} ${monthName(label.slice(0, 7)).slice(0, 3)}`;
    return /^\d{4}-\d\d$/.test(label) ? monthName(label) : label;
  }

  // Complete weeks and months; `unfinished` draws the others.
  function line(series, chart, style, last) {
    const { partial, labels } = chart;
    const ends = !partial[labels.length - 1];
    return {
      name: series.name, type: "line", connectNulls: false,
      data: series.values.map((value, i) => (partial[i] ? null : value)),
      symbol: "circle", symbolSize: series.is_faint ? 3 : 5, showSymbol: chart.labels.length < 60,
      lineStyle: { width: series.is_faint ? 1.25 : 2.25, type: series.is_faint ? [5, 4] : "solid" },
      itemStyle: { color: faded(series.colour, series.is_faint ? 0.65 : 1) },
      endLabel: endLabel(series, style, last && ends),
      emphasis: { disabled: true },
    };
  }

  function endLabel(series, style, show) {
    return {
      show, formatter: () => endName(series), offset: [0, series.shift || 0], color: style.muted, fontSize: 12, distance: 6,
    };
  }

  function endName(series) {
    return series.name.replace(" percentile", "");
  }

  // Names of lines that end close together move apart, the uppermost first.
  function spreadEnds(chart, highest, height) {
    const lastOf = (series) => [...series.values].reverse().find((value) => value !== null) ?? 0;
    const ends = chart.series.map((series) => ({ series, at: (1 - lastOf(series) / highest) * height }));
    ends.sort((a, b) => a.at - b.at);
    let room = 0;
    for (const [i, end] of ends.entries()) {
      const below = height - (ends.length - 1 - i) * NAME;
      room = Math.min(Math.max(end.at, room), below);
      end.series.shift = room - end.at;
      room += NAME;
    }
  }

  // An incomplete week or month: dotted, and its point hollow.
  function unfinished(series, chart, style, last) {
    const { partial, labels } = chart;
    const whole = line(series, chart, style, last);
    return {
      ...whole,
      data: series.values.map((value, i) => {
        if (!partial[i] && !partial[i - 1] && !partial[i + 1]) return null;
        return { value, symbol: partial[i] ? "circle" : "none" };
      }),
      lineStyle: { ...whole.lineStyle, color: whole.itemStyle.color, type: [1, 4], cap: "round" },
      symbolSize: series.is_faint ? 4 : 6,
      itemStyle: { color: style.paper, borderColor: whole.itemStyle.color, borderWidth: 1.5 },
      endLabel: endLabel(series, style, last && Boolean(partial[labels.length - 1])),
    };
  }

  function bar(series, chart, style, stack) {
    return {
      name: series.name, type: "bar", stack: stack ? "all" : undefined, barMaxWidth: 28, barCategoryGap: "30%",
      data: series.values.map((value, i) => ({
        value, itemStyle: chart.partial[i] ? { opacity: 0.5 } : undefined,
      })),
      itemStyle: {
        color: faded(series.colour, series.is_faint ? 0.4 : 1), borderRadius: stack ? 0 : [2, 2, 0, 0],
        borderColor: style.paper, borderWidth: stack && chart.labels.length < 27 ? 1 : 0,
      },
      emphasis: { disabled: true },
    };
  }

  // The period before, behind the present one.
  function former(chart, style) {
    if (!chart.previous.length) return [];
    return [{
      name: "Period before", type: "line", data: chart.previous, connectNulls: false, showSymbol: false, silent: true, z: 1,
      lineStyle: { color: faded("outline", 0.5), width: 2.5 }, itemStyle: { color: faded("outline", 0.5) }, emphasis: { disabled: true },
    }];
  }

  // Notes on days: the numbers of the list below the charts.
  function notes(chart) {
    const places = [...new Set(chart.notes.map((note) => note.place))];
    if (!places.length) return [];
    const numbers = (place) => chart.notes.filter((note) => note.place === place).map((note) => note.number).join(", ");
    return [{
      name: "Notes", type: "line", data: [], silent: true,
      markLine: {
        silent: true, symbol: "none", lineStyle: { color: colour("accent"), type: [1, 4], width: 1.5 },
        label: {
          formatter: (mark) => mark.name, distance: 2, padding: [2, 5], borderRadius: 8, fontSize: 10, fontWeight: 600,
          color: opaque(colour("on-accent")), backgroundColor: opaque(colour("accent")),
        },
        data: places.map((place) => ({ name: numbers(place), xAxis: place })),
      },
    }];
  }

  // Where percentiles lie, on the axis of the bounds between bars.
  function marks(chart, style) {
    if (!chart.marks.length) return [];
    const markLine = {
      silent: true, symbol: "none", lineStyle: { color: style.muted, type: [3, 3], width: 1 },
      label: { color: style.muted, fontSize: 12, formatter: (mark) => mark.name },
      data: chart.marks.map((mark, i) => ({ name: mark.name, xAxis: mark.place, label: { align: markAlign(i, chart.marks.length), padding: [0, 0, (i % 2) * 15, 0] } })),
    };
    return [{ name: "Marks", type: "line", xAxisIndex: 1, data: [], silent: true, markLine }];
  }

  // A bar's label is its middle; where bars are spans, what stands between them is their bounds.
  function boundsAxis(chart, style) {
    return {
      type: "value", min: 0, max: chart.labels.length, interval: 1, position: "bottom",
      axisLine: { show: false }, splitLine: { show: false }, axisPointer: { show: false },
      axisTick: { show: true, length: 4, lineStyle: { color: style.hairline } },
      axisLabel: { color: style.muted, fontSize: 12, hideOverlap: true, formatter: (place) => chart.bounds[place] },
    };
  }

  function xAxes(chart, style, width) {
    const bounded = chart.bounds.length > 0;
    const categories = {
      type: "category", data: chart.labels, boundaryGap: chart.kind !== "line", axisTick: { show: false },
      axisLine: { lineStyle: { color: style.hairline } },
      axisLabel: { show: !bounded, color: style.muted, fontSize: 12, formatter: short, ...everyLabel(chart, width) },
    };
    return bounded ? [categories, boundsAxis(chart, style)] : categories;
  }

  // Every second label stands higher, so that those of neighbouring bars do not overprint.
  function markAlign(place, count) {
    if (!place) return "right";
    return place === count - 1 ? "left" : "center";
  }

  function tooltip(chart, style) {
    return {
      trigger: "axis", confine: true, transitionDuration: 0,
      backgroundColor: style.raised, borderColor: style.hairline, borderWidth: 1, padding: [8, 12],
      textStyle: { color: style.text, fontSize: 13, fontFamily: style.font },
      axisPointer: { type: chart.kind === "line" ? "line" : "shadow", lineStyle: { color: style.muted }, shadowStyle: { color: faded("text", 0.05) }, animation: false },
      formatter: (rows) => tip(chart, rows),
    };
  }

  function tip(chart, rows) {
    const place = rows[0].dataIndex;
    const box = document.createElement("div");
    const head = box.appendChild(document.createElement("strong"));
    const dates = chart.dates[place] ? `, ${chart.dates[place]}` : "";
    head.textContent = (chart.names[place] || chart.labels[place]) + dates + (chart.partial[place] ? ", not all of it" : "");
    for (const series of chart.series) {
      const row = rows.find((each) => each.seriesIndex === chart.series.indexOf(series));
      const text = box.appendChild(document.createElement("div"));
      if (row) text.insertAdjacentHTML("beforeend", row.marker);
      text.append(`${series.name}: ${exact(series.values[place], chart.unit)}`);
    }
    const more = [];
    if (chart.previous.length) more.push(`Period before: ${exact(chart.previous[place], chart.unit)}`);
    if (chart.counts.length) more.push(`Of ${exact(chart.counts[place], "count")} ${chart.counted}${chart.counts[place] === 1 ? "" : "s"}`);
    for (const note of chart.notes) if (note.place === place) more.push(`${note.number}: ${note.text}`);
    for (const line of more) box.appendChild(document.createElement("div")).textContent = line;
    return box;
  }

  function drawnLines(chart, style, many) {
    const whole = chart.series.map((series) => line(series, chart, style, many));
    if (!chart.partial.some(Boolean)) return whole;
    return [...whole, ...chart.series.map((series) => unfinished(series, chart, style, many))];
  }

  // Axes alone would look as if something were still to come.
  function nothing(chart, style) {
    const shows = (value) => (chart.kind === "line" ? value !== null : value);
    if (chart.series.some((series) => series.values.some(shows))) return undefined;
    return {
      type: "text", left: "center", top: "middle", silent: true,
      style: { text: "Nothing to draw", fill: style.muted, fontSize: 13, fontFamily: style.font },
    };
  }

  // How much room names take side by side.
  function widthOf(names, gap) {
    return names.reduce((sum, each) => sum + each.length * LETTER + gap, 0);
  }

  // Of a week that has just begun there are few, and mostly what was left from the week before.
  const FEWEST = 5;

  function withoutOutliersOfParts(chart) {
    if (chart.unit === "count" || !chart.partial.some(Boolean)) return chart;
    const end = endOf(kept(chart, (i) => !chart.partial[i]));
    const isOfEnough = (i) => !chart.counts.length || chart.counts[i] >= FEWEST;
    const isWithin = (i) => chart.unit !== "duration" || !end || largestOf(kept(chart, (place) => place === i)) <= end;
    return kept(chart, (i) => !chart.partial[i] || (isOfEnough(i) && isWithin(i)));
  }

  function kept(chart, isKept) {
    const series = chart.series.map((each) => ({ ...each, values: each.values.map((value, i) => (isKept(i) ? value : null)) }));
    return { ...chart, series };
  }

  function option(given, { width, height }) {
    const chart = withoutOutliersOfParts(given);
    const style = Object.fromEntries(["text", "muted", "hairline", "paper", "raised"].map((key) => [key, opaque(colour(key))]));
    style.font = getComputedStyle(document.body).fontFamily;
    const many = chart.series.length > 1;
    const lines = chart.kind === "line";
    const yAxis = valueAxis(chart, style);
    if (lines && many) spreadEnds(chart, yAxis.max || largestOf(chart) || 1, height - AXIS - topOf(chart, 0));
    const legendRows = Math.ceil(widthOf(chart.series.map((series) => series.name), 32) / width);
    return {
      animation: false, textStyle: { fontFamily: style.font },
      grid: { left: 4, right: lines && many ? 56 : 8, top: topOf(chart, many && !lines ? legendRows : 0), bottom: 4, containLabel: true },
      legend: many && !lines ? { left: 0, top: 0, itemWidth: 11, itemHeight: 11, itemGap: 16, data: chart.series.map((series) => series.name), icon: "roundRect", padding: 0, textStyle: { color: style.muted, fontSize: 12 }, selectedMode: false } : undefined,
      xAxis: xAxes(chart, style, width), yAxis, graphic: nothing(chart, style),
      tooltip: tooltip(given, style),
      series: [
        ...(lines ? drawnLines(chart, style, many) : chart.series.map((series) => bar(series, chart, style, chart.kind === "stack"))),
        ...former(chart, style), ...notes(chart), ...marks(chart, style),
      ],
    };
  }

  // Room above the plot for the legend, and for the names of marks or the numbers of notes.
  function topOf(chart, legendRows) {
    const named = Math.max(chart.notes.length ? 12 : 0, Math.min(chart.marks.length, 2) * 13);
    return 12 + 20 * legendRows + named;
  }

  // A few names are all shown, askew where there is little room; of many days or weeks, those that fit.
  function everyLabel(chart, width) {
    if (chart.partial.length || chart.labels.length > 8) return { hideOverlap: true };
    return { interval: 0, rotate: widthOf(chart.labels, 8) > width - 40 ? 35 : 0 };
  }

  function draw(area) {
    const source = document.getElementById(`${area.id}-data`);
    if (!source || !window.echarts) return;
    const chart = JSON.parse(source.textContent);
    const instance = echarts.init(area, null, { renderer: "svg" });
    instance.setOption(option(chart, sizeOf(area)));
    instance.getZr().on("click", (event) => follow(instance, chart, event));
    instance.getZr().on("mousemove", (event) => {
      instance.getZr().setCursorStyle(listed(instance, chart, event) ? "pointer" : "default");
    });
    drawn.set(area, { instance, chart });
  }

  // A tap shows the value; a second one on the same mark opens its list.
  let tapped = "", pointer = "", touched = -Infinity;
  addEventListener("pointerdown", (event) => { pointer = event.pointerType; }, true);

  function follow(instance, chart, event) {
    const { type, timeStamp } = event.event;
    if (type === "touchend") touched = timeStamp;
    else if (timeStamp - touched < 700) return; // The click that a browser makes of a tap.
    const address = listed(instance, chart, event);
    const isFirst = pointer === "touch" && address !== tapped;
    tapped = address;
    if (address && !isFirst) location.href = address;
  }

  // The list behind the mark that is pointed at.
  function listed(instance, chart, event) {
    const [place, height] = instance.convertFromPixel({ seriesIndex: 0 }, [event.offsetX, event.offsetY]) || [];
    const series = chart.kind === "stack" ? partAt(chart, place, height) : chart.series[0];
    if (!series || !series.values[place] || !series.lists[place]) return "";
    return chart.base + series.lists[place];
  }

  function partAt(chart, place, height) {
    let sum = 0;
    return chart.series.find((series) => height <= (sum += series.values[place] || 0));
  }

  function drawAll() {
    for (const [area, { instance }] of drawn) {
      if (area.isConnected) continue;
      instance.dispose();
      drawn.delete(area);
    }
    for (const area of document.querySelectorAll("[data-chart]")) if (!drawn.has(area)) draw(area);
  }

  function redraw() {
    for (const [area, { instance, chart }] of drawn) {
      if (area.clientWidth) instance.setOption(option(chart, sizeOf(area)), true);
    }
  }

  function sizeOf(area) {
    return { width: area.clientWidth, height: area.clientHeight };
  }

  function save(id) {
    const { chart } = drawn.get(document.getElementById(id)) || {};
    if (!chart) return;
    // A picture needs a canvas; the page has vectors.
    const stage = document.createElement("div");
    const canvas = echarts.init(stage, null, { renderer: "canvas", width: 960, height: 420, devicePixelRatio: 2 });
    const title = { text: chart.title, textStyle: { color: opaque(colour("text")), fontSize: 16, fontWeight: 600 }, left: 8, top: 8 };
    const picture = option(chart, { width: 960, height: 420 - 64 });
    picture.grid.top = 76;
    if (picture.legend) Object.assign(picture.legend, { top: 44, left: 8 });
    canvas.setOption({ ...picture, title, backgroundColor: opaque(colour("paper")) });
    const link = document.createElement("a");
    link.download = `${id}.png`;
    link.href = canvas.getDataURL({ type: "png", pixelRatio: 2 });
    link.click();
    canvas.dispose();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-chart-save]");
    if (button) save(button.dataset.chartSave);
  });
  function fit() {
    for (const { instance } of drawn.values()) instance.resize();
    redraw();
  }

  addEventListener("resize", fit);
  matchMedia("print").addEventListener("change", fit); // paper has another width, and is white
  document.addEventListener("tformance:theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.addEventListener("htmx:afterSettle", drawAll);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", drawAll);
  else drawAll();
})();
