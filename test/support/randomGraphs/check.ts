/** One random graph through brute force and product, and where they disagree. */
import type { Report } from '../../../src/core/report';
import type { Labels } from '../bruteForce/labels';
import { everyValue } from '../bruteForce/run';
import type { Birth } from '../bruteForce/truth';
import { truthOf } from '../bruteForce/truth';
import type { Diagnoser } from './diagnoseMany';
import { dump } from './dump';
import type { RandomGraph } from './generate';

export interface Checked {
  /** One line for each disagreement; empty when there is none. */
  readonly problems: readonly string[];
  /** The graph and its problems, in words. */
  readonly text: string;
  readonly origins: number;
  readonly guarded: number;
  /** Rows of the table whose positions the builder knows and the product does not. */
  readonly wholeRows: number;
  readonly report: Report;
}

const keyOf = ({ node, tensor, positions }: Birth): string =>
  `${node ?? 'input'} → ${tensor} at ${positions === null ? 'whole' : positions.map((own) => `"${own}"`).join(' ')}`;

/** A fused node may give birth in two ways, at positions of their own; the brute force looks at what came out of it. */
function joined(origins: readonly Birth[], problems: string[]): Birth[] {
  const groups = new Map<string, Birth[]>();
  for (const origin of origins) {
    const key = JSON.stringify([origin.node, origin.tensor]);
    groups.set(key, [...(groups.get(key) ?? []), origin]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group;
    if (!first || group.length === 1) return first ?? { node: null, tensor: '', positions: null };
    if (group.some((one) => one.positions === null))
      problems.push(`two origins at ${first.tensor}, one without positions`);
    const positions = (first.positions ?? []).map((_, sample) => {
      const all = group.flatMap((one) => numbersIn(one.positions?.[sample] ?? ''));
      if (new Set(all).size < all.length) problems.push(`two origins at ${first.tensor} share positions`);
      return asRanges([...new Set(all)].sort((a, b) => a - b));
    });
    return { node: first.node, tensor: first.tensor, positions };
  });
}

const numbersIn = (text: string): number[] =>
  (text === '' ? [] : text.split(',')).flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });

const asRanges = (numbers: readonly number[]): string =>
  numbers
    .reduce<[number, number][]>((found, n) => {
      const last = found.at(-1);
      if (last?.[1] === n - 1) last[1] = n;
      else found.push([n, n]);
      return found;
    }, [])
    .map(([from, to]) => (from === to ? String(from) : `${String(from)}-${String(to)}`))
    .join(',');

const isKnown = (labels: Labels | undefined): boolean => Boolean(labels && (labels.q ?? labels.k));

export async function check(graph: RandomGraph, diagnoser: Diagnoser): Promise<Checked> {
  const values = await everyValue(graph.model, graph.feeds);
  const truth = truthOf(graph.model, values, graph.hints, { samples: graph.samples, positions: graph.positions });
  const report = await diagnoser.report(graph);
  const problems: string[] = [];
  const compare = (what: string, expected: readonly string[], found: readonly string[]): void => {
    for (const one of expected) if (!found.includes(one)) problems.push(`${what} missing: ${one}`);
    for (const one of found) if (!expected.includes(one)) problems.push(`${what} too many: ${one}`);
  };
  compare('origin', truth.origins.map(keyOf), joined(report.origins, problems).map(keyOf));
  compare('guarded', truth.guarded.map(keyOf), report.silent.filter((one) => one.mechanism === 'guarded').map(keyOf));
  compare(
    'output',
    Object.entries(truth.outputs).map(([tensor, positions]) => keyOf({ node: 'NaN', tensor, positions })),
    report.outputs.map(({ name, nanAt }) => keyOf({ node: 'NaN', tensor: name, positions: nanAt })),
  );
  if (!graph.faulty && truth.origins.length > 0) problems.push('a healthy graph has an origin');
  return {
    problems,
    text: problems.length === 0 ? '' : `${dump(graph, values)}\n${problems.map((line) => `  ! ${line}`).join('\n')}`,
    origins: truth.origins.length,
    guarded: truth.guarded.length,
    wholeRows: report.table.filter((row) => row.axes === 'whole' && isKnown(truth.labels.get(row.tensor))).length,
    report,
  };
}
