/** What became worse or better from one report of a model to a later one. */
import type { FixResult, Report, Verdict } from '../report';
import { placeOf } from '../trace/verdict';
import { basisOf } from './sameness';
import type { ComparedBirth, ComparedCell, ComparedRow, Comparison } from './types';

/** `other`: worth knowing, neither a regression nor a repair. */
export interface Change {
  readonly kind: 'worse' | 'better' | 'other';
  /** A sentence; names in it come from the model. */
  readonly text: string;
}

export interface ReportDiff {
  readonly schemaVersion: 1;
  readonly kind: 'diff';
  /** Something became worse. */
  readonly regressed: boolean;
  readonly changes: readonly Change[];
  readonly comparison: Comparison;
}

/** @param comparison of the two, in this order */
export function diffReports(before: Report, after: Report, comparison: Comparison): ReportDiff {
  const changes = [
    ...birthChanges(comparison),
    ...rowChanges(comparison),
    ...fixChanges(before, after),
    ...observerChanges(before, after),
    ...silentChanges(before, after),
    ...batchChanges(before, after),
  ];
  return {
    schemaVersion: 1,
    kind: 'diff',
    regressed: changes.some(({ kind }) => kind === 'worse'),
    changes,
    comparison,
  };
}

const worse = (text: string): Change => ({ kind: 'worse', text });
const better = (text: string): Change => ({ kind: 'better', text });
const other = (text: string): Change => ({ kind: 'other', text });

/** Nodes may be called otherwise after another export; places and reasons stay. */
function birthChanges({ variants: [first, second] }: Comparison): Change[] {
  const keyed = (births: readonly ComparedBirth[] | null | undefined): Map<string, ComparedBirth> =>
    new Map((births ?? []).map((birth) => [JSON.stringify([placeOf(birth), birth.mechanism]), birth]));
  const [old, now] = [keyed(first?.births), keyed(second?.births)];
  const words = (birth: ComparedBirth): string => `${placeOf(birth)} (${birth.mechanism})`;
  return [
    ...[...now].flatMap(([key, birth]) => (old.has(key) ? [] : [worse(`NaN is born in ${words(birth)} now.`)])),
    ...[...old].flatMap(([key, birth]) => (now.has(key) ? [] : [better(`NaN is no longer born in ${words(birth)}.`)])),
  ];
}

/** One sentence for all rows that became worse, one for all that became better. */
function rowChanges({ rows, variants }: Comparison): Change[] {
  const found = { worse: [] as ChangedRow[], better: [] as ChangedRow[], other: [] as ChangedRow[] };
  for (const row of rows) {
    if (row.same) continue;
    const changed = changeOf(row, variants);
    if (changed) found[changed.kind].push(changed);
  }
  const said = (list: readonly ChangedRow[], words: string): string => {
    const [first, ...more] = list;
    if (!first) return '';
    const rest = more.length === 0 ? '' : `, and in ${String(more.length)} more ${more.length === 1 ? 'row' : 'rows'}`;
    const { row, sample, from, to } = first;
    return `${words} at ${placeOf(row)}${row.port === 'in' ? ' (in)' : ''}: ${counted(from)} → ${counted(to)} of sample ${String(sample)}${rest}.`;
  };
  return [
    ...(found.worse.length > 0 ? [worse(said(found.worse, 'More NaN'))] : []),
    ...(found.better.length > 0 ? [better(said(found.better, 'Less NaN'))] : []),
    ...(found.other.length > 0
      ? [other(said(found.other, found.other.every(hasMoved) ? 'NaN at other positions' : 'Other NaN'))]
      : []),
  ];
}

interface ChangedRow {
  readonly kind: Change['kind'];
  readonly row: ComparedRow;
  readonly sample: number;
  readonly from: ComparedCell;
  readonly to: ComparedCell;
}

const hasMoved = ({ from, to }: ChangedRow): boolean => from.nan === to.nan && from.of === to.of;

/** A row is worse as soon as one sample of it is. Samples of other lengths are not the same ones, and only noted. */
function changeOf(row: ComparedRow, variants: Comparison['variants']): ChangedRow | null {
  const rolesOf = (at: number, sample: number): string =>
    (row.sequence === 'memory' ? variants[at]?.memoryRoles : variants[at]?.roles)?.[sample] ?? '';
  const [before, after] = row.cells;
  const changed = (before ?? []).flatMap((from, sample): ChangedRow[] => {
    const to = after?.[sample];
    if (!to || (from.nanAt === to.nanAt && from.of === to.of)) return [];
    const ofReal = share(to.realNan, to.real) - share(from.realNan, from.real);
    const ofAll = share(to.nan, to.of) - share(from.nan, from.of);
    // How much padding there is, and where, is of the batch and not of the model.
    const more = { positions: ofReal || ofAll, tokens: ofReal, kind: 0 }[
      basisOf(rolesOf(0, sample), rolesOf(1, sample))
    ];
    return [{ kind: more > 0 ? 'worse' : more < 0 ? 'better' : 'other', row, sample, from, to }];
  });
  return (
    changed.find(({ kind }) => kind === 'worse') ?? changed.find(({ kind }) => kind === 'better') ?? changed[0] ?? null
  );
}

const share = (nan: number, of: number): number => (of === 0 ? 0 : nan / of);
const counted = ({ nan, of }: ComparedCell): string => `${String(nan)}/${String(of)}`;

/** Best first; what declines says nothing of the model. */
const order: readonly Verdict[] = ['heals', 'partial', 'unproven', 'hides', 'fails'];

function fixChanges(before: Report, after: Report): Change[] {
  const old = new Map((before.fixes ?? []).map((fix) => [fix.id, fix]));
  return (after.fixes ?? []).flatMap((now: FixResult): Change[] => {
    const then = old.get(now.id);
    // What only looks like a fix is not expected to mend anything.
    if (!then || now.kind === 'trap' || then.verdict === now.verdict) return [];
    const text = `“${now.title}” ${then.verdict} no longer; it ${now.verdict} now.`;
    const [from, to] = [order.indexOf(then.verdict), order.indexOf(now.verdict)];
    if (from < 0 || to < 0) return [other(`“${now.title}”: ${then.verdict} → ${now.verdict}.`)];
    return [to > from ? worse(text) : better(`“${now.title}”: ${then.verdict} → ${now.verdict}.`)];
  });
}

function observerChanges({ observer: then }: Report, { observer: now }: Report): Change[] {
  if (!then || !now || then.outputsBitEqual === now.outputsBitEqual) return [];
  return now.outputsBitEqual
    ? [better('Looking changes nothing any more: outputs with and without probes are equal bit for bit.')]
    : [worse('Outputs with and without probes are no longer equal bit for bit.')];
}

/** Silent findings are no origins, and so no regression; a number without meaning in an output is one. */
function silentChanges(before: Report, after: Report): Change[] {
  const keyed = ({ silent }: Report): Map<string, Report['silent'][number]> =>
    new Map(silent.map((finding) => [JSON.stringify([placeOf(finding), finding.mechanism]), finding]));
  const [old, now] = [keyed(before), keyed(after)];
  return [
    ...[...now].flatMap(([key, finding]) => {
      if (old.has(key)) return [];
      const text = `New, without NaN in an output: ${finding.mechanism} at ${placeOf(finding)}.`;
      return [finding.mechanism === 'laundered' ? worse(text) : other(text)];
    }),
    ...[...old].flatMap(([key, finding]) =>
      now.has(key) ? [] : [other(`Gone: ${finding.mechanism} at ${placeOf(finding)}.`)],
    ),
  ];
}

function batchChanges({ batch: then, model: old }: Report, { batch: now, model }: Report): Change[] {
  return [
    ...(old.name === model.name ? [] : [other(`The models are called differently: ${old.name} and ${model.name}.`)]),
    ...(then.samples === now.samples && then.roles.join() === now.roles.join()
      ? []
      : [other('The batches are not padded alike, so positions are compared as far as they can be.')]),
  ];
}
