// Draws the charts of the page from the numbers that stand in it, at the width there is; sorts tables.
'use strict';
(() => {
  const make = (name, attributes, parent, text) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const finite = (values) => values.filter((value) => value !== null && Number.isFinite(value));
  const colour = (i) => 'c' + ((i % 10) + 1);
  const number = (value) => {
    if (value === 0) return '0';
    const size = Math.abs(value);
    if (size >= 1e6 || size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, 'e');
    return String(Number(value.toPrecision(size >= 1000 ? 6 : 4)));
  };

  // Steps of 1, 2 or 5 times a power of ten.
  const ticks = (low, high, most, least = 0) => {
    const rough = Math.max((high - low) / most || 1, least);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
    const found = [];
    for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-6; tick += step)
      found.push(Math.abs(tick) < step * 1e-6 ? 0 : tick);
    return found;
  };

  // Of a scale of powers: 1, 2 and 5 of each where there are few, else the powers.
  const logTicks = (low, high) => {
    const found = [];
    const step = Math.ceil((high - low) / 8);
    for (let power = Math.floor(low); power <= high; power += step)
      for (const factor of high - low > 3 ? [1] : [1, 2, 5]) {
        const tick = factor * 10 ** power;
        if (Math.log10(tick) >= low && Math.log10(tick) <= high) found.push(tick);
      }
    return found;
  };

  const range = (values) => {
    let low = Math.min(...values), high = Math.max(...values);
    if (!values.length) return [0, 1];
    if (low === high) return [low - 1, high + 1];
    const margin = (high - low) * 0.04;
    return [low >= 0 && low < margin * 4 ? 0 : low - margin, high + margin];
  };

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.data = JSON.parse(figure.querySelector('script').textContent);
      this.tip = figure.appendChild(document.createElement('div'));
      this.tip.className = 'tip';
      this.tip.hidden = true;
      const all = (key) => finite(this.data.series.flatMap((series) => series[key] || []));
      this.xRange = this.data.kind === 'line' ? [Math.min(...all('x')), Math.max(...all('x'))] : range(all('x'));
      this.whole = this.data.kind === 'line' && all('x').every(Number.isInteger);
      if (this.xRange[0] === this.xRange[1]) this.xRange = [this.xRange[0] - 1, this.xRange[1] + 1];
      const values = all('y').concat(all('low'), all('high'));
      this.log = Boolean(this.data.log) && Math.min(...values) > 0;
      this.yRange = this.log ? [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))] : range(values);
      this.draw();
      window.addEventListener('resize', () => requestAnimationFrame(() => this.draw()));
    }

    draw() {
      const width = Math.max(280, Math.round(this.figure.clientWidth));
      if (width === this.width) return;
      this.width = width;
      this.height = Math.round(Math.min(380, Math.max(230, width * 0.5)));
      this.box = {left: 66, right: width - 14, top: 10, bottom: this.height - 42};
      if (this.svg) this.svg.remove();
      this.svg = make('svg', {class: 'chart', viewBox: `0 0 ${width} ${this.height}`, role: 'img',
        'aria-label': this.figure.querySelector('figcaption').textContent});
      this.figure.insertBefore(this.svg, this.tip);
      this.axes();
      this.data.series.forEach((series, i) => this.series(series, i));
      this.cross = make('line', {class: 'cross', y1: this.box.top, y2: this.box.bottom, visibility: 'hidden'}, this.svg);
      this.svg.addEventListener('pointermove', (event) => this.hover(event));
      this.svg.addEventListener('pointerdown', (event) => this.hover(event));
      this.svg.addEventListener('pointerleave', () => this.leave());
    }

    x(value) {
      const [low, high] = this.xRange;
      return this.box.left + ((value - low) / (high - low)) * (this.box.right - this.box.left);
    }

    y(value) {
      const [low, high] = this.yRange;
      return this.box.bottom - (((this.log ? Math.log10(value) : value) - low) / (high - low)) * (this.box.bottom - this.box.top);
    }

    axes() {
      const {left, right, top, bottom} = this.box;
      for (const tick of this.log ? logTicks(...this.yRange) : ticks(...this.yRange, 6)) {
        make('line', {class: 'grid', x1: left, x2: right, y1: this.y(tick), y2: this.y(tick)}, this.svg);
        make('text', {x: left - 6, y: this.y(tick) + 4, 'text-anchor': 'end'}, this.svg, number(tick));
      }
      for (const tick of ticks(...this.xRange, Math.max(3, Math.floor(this.width / 90)), this.whole ? 1 : 0)) {
        make('line', {class: 'grid', x1: this.x(tick), x2: this.x(tick), y1: bottom, y2: bottom + 4}, this.svg);
        make('text', {x: this.x(tick), y: bottom + 18, 'text-anchor': 'middle'}, this.svg, number(tick));
      }
      make('text', {x: (left + right) / 2, y: this.height - 6, 'text-anchor': 'middle'}, this.svg, this.data.x);
      make('text', {x: -(top + bottom) / 2, y: 12, 'text-anchor': 'middle', transform: 'rotate(-90)'}, this.svg, this.data.y);
    }

    series(series, i) {
      const group = make('g', {class: colour(i)}, this.svg);
      const points = series.x.map((x, k) => (series.y[k] === null || x === null ? null : [this.x(x), this.y(series.y[k])]));
      if (series.low) {
        const corner = (values) => series.x.map((x, k) => `${this.x(x)},${this.y(values[k])}`);
        make('polygon', {class: 'band', points: corner(series.high).concat(corner(series.low).reverse()).join(' ')}, group);
      }
      if (this.data.kind === 'line') {
        let path = '';
        points.forEach((point, k) => { if (point) path += (k && points[k - 1] ? 'L' : 'M') + point.map((v) => v.toFixed(1)).join(' '); });
        make('path', {class: 'series' + (series.dashed || i >= 10 ? ' dashed' : ''), d: path}, group);
      }
      if (this.data.kind === 'scatter' || (points.length <= 30 && !series.dashed))
        points.forEach((point) => point && make('circle', {class: 'dot', cx: point[0], cy: point[1], r: this.data.kind === 'scatter' ? 5 : 3}, group));
    }

    // All series at the x nearest to the pointer; of a scatter the nearest point.
    hover(event) {
      const place = this.svg.getBoundingClientRect(), scale = this.width / place.width;
      const px = (event.clientX - place.left) * scale, py = (event.clientY - place.top) * scale;
      let best = null;
      this.data.series.forEach((series, i) => series.x.forEach((x, k) => {
        if (x === null || series.y[k] === null) return;
        const dx = this.x(x) - px, dy = this.data.kind === 'scatter' ? this.y(series.y[k]) - py : 0;
        const distance = dx * dx + dy * dy;
        if (!best || distance < best.distance) best = {distance, i, k, x};
      }));
      if (!best) return;
      this.cross.setAttribute('x1', this.x(best.x));
      this.cross.setAttribute('x2', this.x(best.x));
      this.cross.setAttribute('visibility', 'visible');
      this.tip.replaceChildren(...(this.data.kind === 'scatter' ? this.point(best) : this.column(best.x)));
      this.tip.hidden = false;
      const left = this.x(best.x) / scale, room = place.width - this.tip.offsetWidth;
      this.tip.style.left = Math.max(0, Math.min(left + 12, room)) + 'px';
      this.tip.style.top = this.svg.offsetTop + 8 + 'px';
      if (left + 12 > room && left - 12 - this.tip.offsetWidth >= 0) this.tip.style.left = left - 12 - this.tip.offsetWidth + 'px';
    }

    row(name, value, i) {
      const row = document.createElement('div'), label = row.appendChild(document.createElement('span'));
      row.className = i === undefined ? '' : colour(i);
      if (i !== undefined) label.append(document.createElement('i'));
      label.append(name);
      row.appendChild(document.createElement('b')).textContent = value;
      return row;
    }

    column(x) {
      const rows = [this.row(this.data.x, number(x))];
      this.data.series.forEach((series, i) => {
        const k = series.x.indexOf(x);
        if (k >= 0 && series.y[k] !== null) rows.push(this.row(series.title, number(series.y[k]), i));
        else if (series.dashed) rows.push(this.row(series.title, number(series.y[0]), i));
      });
      return rows;
    }

    point({i, k}) {
      const series = this.data.series[i];
      return [this.row(series.names ? series.names[k] : series.title, '', i), this.row(series.title, ''),
        this.row(this.data.x, number(series.x[k])), this.row(this.data.y, number(series.y[k]))];
    }

    leave() {
      this.tip.hidden = true;
      this.cross.setAttribute('visibility', 'hidden');
    }
  }

  const sortBy = (table, column, header) => {
    const falling = header.getAttribute('aria-sort') === 'ascending';
    table.querySelectorAll('th').forEach((th) => th.removeAttribute('aria-sort'));
    header.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
    const body = table.tBodies[0], value = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const compare = (a, b) => {
      const x = value(a), y = value(b), numbers = x !== '' && y !== '' && !isNaN(x) && !isNaN(y);
      if ((x === '') !== (y === '')) return x === '' ? 1 : -1;  // what was not measured comes last, either way
      return (falling ? -1 : 1) * (numbers ? x - y : x.localeCompare(y, undefined, {numeric: true}));
    };
    body.append(...[...body.rows].sort(compare));
  };

  document.querySelectorAll('figure.chart').forEach((figure) => new Chart(figure));
  document.querySelectorAll('table.sorts').forEach((table) =>
    table.querySelectorAll('th').forEach((th, column) => th.querySelector('button').addEventListener('click', () => sortBy(table, column, th))));
})();
