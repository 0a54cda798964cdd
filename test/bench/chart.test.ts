// The charts are whole SVG, say what they show, and draw it to scale.
import assert from 'node:assert/strict';
import { barChart, lineChart } from './chart.js';

/** Every tag that is opened is closed, in order. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, isEnd, name = '', isEmpty] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g))
    if (isEnd) assert.equal(open.pop(), name);
    else if (!isEmpty) open.push(name);
  assert.deepEqual(open, []);
}

describe('the charts of the benchmark', () => {
  const bars = (medians: readonly number[]) =>
    medians.map((median, i) => ({ label: `variant ${i}`, median, least: median / 2, most: median * 1.5 }));

  it('draws bars as long as their figures, with their spread', () => {
    const svg = barChart('cost', [{ title: 'one to one', bars: bars([1, 2]) }]);
    assertWellFormed(svg);
    const [first = NaN, second = NaN] = [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(widthOf);
    assert.ok(Math.abs(second / first - 2) < 0.01, `${first} ${second}`);
    assert.match(svg, />one to one</);
    assert.match(svg, /class="spread"/);
  });

  it('draws lines over powers of ten at equal distances', () => {
    const points = [10, 100, 1000].map((x) => ({ x, y: 2 }));
    const svg = lineChart('growth', 'sessions', [{ label: 'room', points }]);
    assertWellFormed(svg);
    const path = /class="line stroke0" d="M([^"]+)"/.exec(svg)?.[1] ?? '';
    const [a = NaN, b = NaN, c = NaN] = path.split('L').map((point) => Number(point.split(' ')[0]));
    assert.ok(b > a && Math.abs(b - a - (c - b)) < 0.2, path);
    assert.match(svg, />1,000</);
  });

  it('follows light and dark, and takes any text', () => {
    const svg = barChart('a < b & c', [{ title: '<script>', bars: bars([1]) }]);
    assertWellFormed(svg);
    assert.match(svg, /prefers-color-scheme: dark/);
    assert.doesNotMatch(svg, /<script>/);
  });

  it('draws nothing of nothing, and is whole', () => {
    assertWellFormed(barChart('none', []));
    assert.doesNotMatch(lineChart('none', 'x', []), /NaN|Infinity/);
  });
});

function widthOf([, width]: RegExpMatchArray): number {
  return Number(width);
}
