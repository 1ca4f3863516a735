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
  compare('origin', truth.origins.map(keyOf), report.origins.map(keyOf));
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
