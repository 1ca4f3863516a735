/** What a run says to the static look: the rows that it named, against those where NaN was born. */
import { paddingSide } from '../../core/batch/roles';
import type { LookCase, LookOutcome, MaskLook } from '../../core/report';
import { isNaNAt } from '../../core/trace/health';
import { parseRanges } from '../../core/trace/ranges';
import type { Findings } from '../measure/findings';
import type { Measurement } from '../measure/measure';
import type { Looked, LookedMask } from './lookAtMasks';

type Side = 'left' | 'right' | 'empty';

/** @param roles by sequence. */
export function confirmed(
  looked: Looked,
  measured: Measurement,
  found: Pick<Findings, 'origins' | 'silent'>,
  roles: readonly (readonly string[])[],
): Looked {
  return {
    ...looked,
    masks: looked.masks.map((mask) => {
      const outcome = (side: Side): LookCase => ({
        ...mask.look[side],
        confirmed: mask.look[side].verdict === 'unknown' ? 'not-tested' : tested(mask, side, measured, found, roles),
      });
      const cases = { left: outcome('left'), right: outcome('right'), empty: outcome('empty') };
      return { ...mask, look: { ...mask.look, ...cases, confirmed: together(cases) } };
    }),
  };
}

function together(cases: Pick<MaskLook, Side>): LookOutcome {
  const all = [cases.left, cases.right, cases.empty].map((one) => one.confirmed);
  return all.includes('refuted') ? 'refuted' : all.includes('confirmed') ? 'confirmed' : 'not-tested';
}

function tested(
  { sites, own, look }: LookedMask,
  side: Side,
  measured: Measurement,
  found: Pick<Findings, 'origins' | 'silent'>,
  roles: readonly (readonly string[])[],
): LookOutcome {
  const [first] = sites;
  const samples = (roles[first?.sequences.key ?? 0] ?? []).flatMap((role, sample) =>
    sideOf(role) === side ? [sample] : [],
  );
  if (!first || !own || samples.length === 0) return 'not-tested';
  let outcome: LookOutcome = 'not-tested';
  for (const sample of samples) {
    const said = own.rows.slice((own.samples === 1 ? 0 : sample) * own.queries).slice(0, own.queries);
    const born = bornRows(sites, found, sample);
    // NaN from the masks of this attention at a row that was not named, or where it should be none.
    if ([...born].some((query) => said[query] !== 'infinite' || look.fill === 'zeros')) return 'refuted';
    const masked = said.flatMap((state, query) => (state === 'open' ? [] : [query]));
    if (masked.length > 0 && look[side].verdict === 'safe') return 'refuted';
    if (masked.length === 0) outcome = 'confirmed';
    else if (look.fill === '-Infinity') {
      const infinite = masked.filter((query) => said[query] === 'infinite');
      const flags = sites.map(({ node }) => measured.flagsOf(node.outputs[0] ?? ''));
      const missing = infinite.some((query) => flags.some((own) => own?.perPosition && !isNaNAt(own, sample, query)));
      if (missing) return 'refuted';
      // Where nothing was born the rows were NaN before they came here.
      if (infinite.every((query) => born.has(query))) outcome = 'confirmed';
    } else outcome = 'confirmed';
  }
  return outcome;
}

const sideOf = (role: string): Side | null => {
  if (!role.includes('r')) return 'empty';
  const side = paddingSide(role);
  return side === 'left' || side === 'right' ? side : null;
};

const maskMade: ReadonlySet<unknown> = new Set(['fully-masked-row', 'mask-overflow']);

/** Rows of a sample where the masks of these nodes made NaN, guarded ones included. */
function bornRows(
  sites: LookedMask['sites'],
  found: Pick<Findings, 'origins' | 'silent'>,
  sample: number,
): Set<number> {
  const nodes = new Set<string | null>(sites.map(({ node }) => node.name));
  const births = [
    ...found.origins.filter(({ mechanism }) => maskMade.has(mechanism)),
    ...found.silent.filter(({ mechanism, evidence }) => mechanism === 'guarded' && maskMade.has(evidence.bornAs)),
  ];
  const rows = new Set<number>();
  for (const { node, positions } of births) {
    if (!nodes.has(node)) continue;
    for (const { from, to } of parseRanges(positions?.[sample] ?? '')) for (let i = from; i <= to; i += 1) rows.add(i);
  }
  return rows;
}
