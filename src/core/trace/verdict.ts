/**
 * The one sentence at the top of the panel, the terminal's last line and the markdown report: what happened, where
 * it reached real tokens, and what heals it. Derived from the report alone, so every face says the same.
 *
 * The text is made of parts because names come from the user's file: a face may isolate, escape or emphasise them.
 */
import type { BirthMechanism, Crossing, CrossingMechanism, Finding, Origin, Report, Stage } from '../report';
import { namesIn } from './evidence';
import { countRanges, countRole } from './ranges';

export interface VerdictPart {
  /** `name`: from the user's file, never trusted as markup. `formula`: arithmetic. `fix`: a fix's title. */
  readonly kind: 'text' | 'name' | 'formula' | 'fix';
  readonly text: string;
}

/** Plain text, one or two sentences, no markup. */
export const verdictSentence = (report: Report): string =>
  verdictParts(report)
    .map((part) => (part.kind === 'fix' ? `“${part.text}”` : part.text))
    .join('');

export function verdictParts(report: Report): VerdictPart[] {
  const origin = report.origins[0];
  if (origin === undefined) {
    return cleanSentence(report);
  }
  return [
    ...birthClause(report, origin),
    ...reachClause(report),
    ...hiddenClause(report),
    text('.'),
    ...fixClause(report),
  ];
}

/** `layer 0 attention`, `decoder layer 2 cross-attention`, `the embedding`: where a finding lies, in words. */
export function placeOf(finding: Pick<Finding, 'layer' | 'block' | 'stage' | 'side'>): string {
  const stage =
    finding.block === 'cross' && finding.stage === 'attention' ? 'cross-attention' : stageWords[finding.stage];
  if (finding.layer === null) {
    return finding.stage === 'embed' || finding.stage === 'final-norm' ? `the ${stage}` : stage;
  }
  const layer = `${finding.side === undefined ? '' : `${finding.side} `}layer ${String(finding.layer)}`;
  return finding.stage === 'layer' ? layer : `${layer} ${stage}`;
}

/** A crossing's arithmetic, short enough for a table margin, with the number that this run's mask has. */
export const crossingFormula = ({ mechanism, evidence }: Crossing): string =>
  mechanism === 'nan-plus-minus-inf' && typeof evidence.fill === 'string'
    ? `NaN + (${evidence.fill}) = NaN`
    : crossingFormulas[mechanism];

const crossingFormulas: Readonly<Record<CrossingMechanism, string>> = {
  'nan-plus-minus-inf': 'NaN + (−inf) = NaN',
  'zero-times-nan': '0 × NaN = NaN',
  contraction: 'a matrix product that reads a NaN',
  'softmax-row': 'one NaN in a Softmax row',
  reduction: 'a sum over values that hold a NaN',
  elementwise: 'an elementwise operation on NaN',
  residual: 'clean + NaN = NaN',
  gather: 'a gather of NaN rows',
};

const stageWords: Readonly<Record<Stage, string>> = {
  embed: 'embedding',
  'attn-norm': 'attention norm',
  attention: 'attention',
  'mlp-norm': 'mlp norm',
  mlp: 'mlp',
  layer: 'layer',
  'final-norm': 'final norm',
  logits: 'logits',
  other: 'other nodes',
};

const text = (value: string): VerdictPart => ({ kind: 'text', text: value });
const name = (value: string): VerdictPart => ({ kind: 'name', text: value });
const formula = (value: string): VerdictPart => ({ kind: 'formula', text: value });

function cleanSentence(report: Report): VerdictPart[] {
  const none = report.batch.samples === 0 ? 'samples' : report.batch.positions === 0 ? 'positions' : null;
  if (none !== null && report.outputs.every(({ of }) => of === 0))
    return [text(`The batch has no ${none}, so there is no element that could be NaN.`)];
  const positions = report.batch.roles.reduce((sum, roles) => sum + roles.length, 0);
  const pads = report.batch.roles.reduce((sum, roles) => sum + countPads(roles), 0);
  const guarded = report.silent.filter((finding) => finding.mechanism === 'guarded').length;
  const seen = report.table.length === 0 ? '' : `${plural(report.table.length, 'measured stage')} clean for `;
  const batch =
    `${seen}${plural(report.batch.samples, 'sample')}, ${plural(positions, 'position')}` +
    (pads === 0 ? ', none of them padding' : `, ${String(pads)} of them padding`);
  // Without a birth, NaN in an output would contradict the definition of an origin; say so rather than "clean".
  const dirty = report.outputs.find((output) => output.nanPositions?.some((count) => count > 0) ?? false);
  if (dirty !== undefined) {
    return [
      text('The output '),
      name(dirty.name),
      text(' holds NaN, but no place of birth could be measured; see the notes.'),
    ];
  }
  if (guarded > 0) {
    return [
      text(`No NaN gets out: NaN is made at ${plural(guarded, 'place')} and removed there by an explicit guard.`),
    ];
  }
  const silent = report.silent.length;
  return [
    text(`No NaN anywhere: ${batch}.`),
    ...(silent === 0
      ? []
      : [text(` ${plural(silent, 'silent finding')} ${silent === 1 ? 'is' : 'are'} worth a look.`)]),
  ];
}

function birthClause(report: Report, origin: Origin): VerdictPart[] {
  const others = report.origins.length - 1;
  const more = others === 0 ? '' : `, and ${plural(others, 'more birth')} elsewhere`;
  if (origin.mechanism === 'nan-in-input') {
    return [text('NaN comes in with the input '), name(origin.tensor), text(`${where(origin, 'position')}${more}`)];
  }
  const place = origin.stage === 'other' && origin.layer === null ? 'node ' : `${placeOf(origin)} (`;
  const node: VerdictPart[] =
    place === 'node '
      ? [name(origin.node ?? origin.tensor), text(origin.op === null ? '' : ` (${origin.op})`)]
      : [text(`${origin.op ?? 'graph input'})`)];
  return [text(`NaN is born in ${place}`), ...node, text(`${more}: `), ...causeParts(origin)];
}

/** A damaged weight is told by its name: the node's output is not what is damaged. */
function causeParts(origin: Origin): VerdictPart[] {
  const [weight] = namesIn(origin.evidence.weights);
  if (origin.mechanism !== 'nan-in-weights' || weight === undefined) return [text(cause(origin))];
  return [
    text('the stored tensor '),
    name(weight),
    text(` that it reads holds NaN, which reaches ${countOf(origin, 'position')}`),
  ];
}

/** Why, as a clause with the number of positions in it. */
function cause(origin: Origin): string {
  const rows = countOf(origin, 'query row');
  const places = countOf(origin, 'position');
  const one = total(origin) === 1;
  const clauses: Readonly<Record<BirthMechanism, string>> = {
    'fully-masked-row': `${rows} ${one ? 'has' : 'have'} nothing to attend to`,
    'mask-overflow': `the masks of ${rows} sum past the lowest finite number, so nothing is left to attend to`,
    'score-overflow': `${rows} ${one ? 'holds' : 'hold'} a +inf score, and inf − inf = NaN inside Softmax`,
    'zero-times-inf': `0 × inf = NaN at ${places}`,
    'inf-minus-inf': `inf − inf = NaN at ${places}`,
    'zero-over-zero': `0 / 0 = NaN at ${places}`,
    'inf-over-inf': `inf / inf = NaN at ${places}`,
    'log-of-negative': `the logarithm of a negative number at ${places}`,
    'sqrt-of-negative': `the square root of a negative number at ${places}`,
    'pow-of-negative': `a fractional power of a negative number at ${places}`,
    'nan-in-weights': `a weight that it reads holds NaN, which reaches ${places}`,
    'nan-in-input': `the input holds NaN at ${places}`,
    unknown: `from clean operands, at ${places}, by no mechanism that is known (the operands are shown)`,
  };
  return clauses[origin.mechanism];
}

/** How NaN got from the birth to real tokens, or that it did not. */
function reachClause(report: Report): VerdictPart[] {
  const origin = report.origins[0];
  const bornReal = origin !== undefined && realIn(report, origin) > 0;
  const crossing = report.spread.find((candidate) => realIn(report, candidate) > 0);
  if (!bornReal && crossing === undefined) {
    if (
      report.table.every((row) => row.samples?.every((sample) => sample.realNan === 0) ?? !(row.whole?.nan ?? false))
    ) {
      return [text('; it stays at padding, every real token is clean')];
    }
    return [];
  }
  if (bornReal) {
    const reached = outputsReached(report);
    return reached === null
      ? []
      : [text('; real tokens are hit at birth, and '), name(reached.name), text(` ${reached.words}`)];
  }
  return crossing === undefined ? [] : crossingClause(report, crossing);
}

/** Outputs that look healthy although NaN was born. */
function hiddenClause(report: Report): VerdictPart[] {
  if (report.outputs.some((output) => output.nanPositions?.some((count) => count > 0) ?? false)) return [];
  const hidden =
    report.silent.find((finding) => finding.mechanism === 'laundered') ??
    report.silent.find((finding) => finding.mechanism === 'swallowed');
  if (hidden === undefined) return [];
  return [
    text('; no output shows it, because '),
    name(hidden.node ?? hidden.tensor),
    text(
      hidden.mechanism === 'laundered'
        ? ` (${hidden.op ?? 'node'}) wipes it after it has spread`
        : ` (${hidden.op ?? 'node'}) swallows it`,
    ),
  ];
}

function crossingClause(report: Report, crossing: Crossing): VerdictPart[] {
  const reached = realIn(report, crossing);
  const own = rolesFor(report, crossing);
  const ofSamples = own.reduce(
    (sum, roles, sample) => sum + ((crossing.positions?.[sample] ?? '') === '' ? 0 : roles.length - countPads(roles)),
    0,
  );
  const tokens =
    reached === ofSamples
      ? reached === 1
        ? 'the only real token'
        : 'every real token'
      : plural(reached, 'real token');
  return [
    text(`; in ${placeOf(crossing)} `),
    formula(crossingFormula(crossing)),
    text(` carries it to ${tokens}`),
    // Which sample needs saying only where some other sample is clean of it.
    text(samplesOf(crossing).length === report.batch.samples ? '' : ` of ${sampleNames(samplesOf(crossing))}`),
  ];
}

function fixClause({ fixes: all, recommendation }: Report): VerdictPart[] {
  // What only looks like a fix is none, even where its numbers come out right.
  const fixes = all?.filter((fix) => fix.kind !== 'trap') ?? [];
  if (fixes.length === 0) {
    return [];
  }
  const healing = fixes.filter((fix) => fix.verdict === 'heals');
  const best = healing.find((fix) => fix.id === recommendation?.fix) ?? healing[0];
  if (best !== undefined) {
    const others = healing.length - 1;
    const rest = others === 0 ? '' : others === 1 ? '; so does one other' : `; so do ${String(others)} others`;
    return [text(' Fix '), { kind: 'fix', text: best.title }, text(` heals${rest}.`)];
  }
  const partial = fixes.find((fix) => fix.verdict === 'partial');
  if (partial !== undefined) {
    return [
      text(' Fix '),
      { kind: 'fix', text: partial.title },
      text(' cleans every real token and leaves NaN at padding.'),
    ];
  }
  const unproven = fixes.find((fix) => fix.verdict === 'unproven');
  if (unproven !== undefined) {
    return [
      text(' Fix '),
      { kind: 'fix', text: unproven.title },
      text(' removes the NaN, but nothing says what the right numbers are.'),
    ];
  }
  return fixes.every((fix) => fix.verdict === 'declines')
    ? [text(' No fix applies here.')]
    : [text(' No fix that was tried heals.')];
}

const countPads = (roles: string): number => roles.length - roles.replaceAll('p', '').length;

const plural = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`;

const total = (finding: Finding): number =>
  finding.positions === null ? 0 : finding.positions.reduce((sum, positions) => sum + countRanges(positions), 0);

const samplesOf = (finding: Finding): number[] =>
  (finding.positions ?? []).flatMap((positions, sample) => (positions === '' ? [] : [sample]));

function sampleNames(samples: readonly number[]): string {
  const names = samples.map(String);
  if (names.length <= 1) {
    return `sample ${names.join('')}`;
  }
  return names.length <= 3
    ? `samples ${names.slice(0, -1).join(', ')} and ${names[names.length - 1] ?? ''}`
    : `${String(names.length)} samples`;
}

/** `30 query rows of sample 0`; a tensor without a position axis has no count. */
function countOf(finding: Finding, noun: string): string {
  return finding.positions === null
    ? `an unknown number of ${noun}s`
    : `${plural(total(finding), noun)} of ${sampleNames(samplesOf(finding))}`;
}

const where = (finding: Finding, noun: string): string =>
  finding.positions === null ? '' : `, at ${countOf(finding, noun)}`;

/** Roles of the sequence that a finding's positions are counted on; encoder sites count on the memory. */
function rolesFor(report: Report, finding: Finding): readonly string[] {
  const memory = report.batch.memory;
  if (memory === undefined) {
    return report.batch.roles;
  }
  const row = report.table.find(
    (candidate) =>
      candidate.layer === finding.layer && candidate.block === finding.block && candidate.stage === finding.stage,
  );
  // A row of some positions only says nothing by how many they are.
  if (row?.held !== undefined) return row.sequence === 'memory' ? memory.roles : report.batch.roles;
  const length = row?.samples?.[0]?.of;
  return length === memory.positions && length !== report.batch.positions ? memory.roles : report.batch.roles;
}

function realIn(report: Report, finding: Finding): number {
  const roles = rolesFor(report, finding);
  return (finding.positions ?? []).reduce(
    (sum, positions, sample) => sum + countRole(positions, roles[sample] ?? '', 'r'),
    0,
  );
}

/** The first output with NaN: its name and `is NaN at 35 of 35 positions of sample 0`. */
function outputsReached(report: Report): { readonly name: string; readonly words: string } | null {
  for (const output of report.outputs) {
    const samples = (output.nanPositions ?? []).flatMap((count, sample) => (count > 0 ? [sample] : []));
    if (samples.length > 0) {
      const count = samples.reduce((sum, sample) => sum + (output.nanPositions?.[sample] ?? 0), 0);
      const at = output.of === 1 ? '' : ` at ${String(count)} of ${plural(output.of * samples.length, 'position')}`;
      return { name: output.name, words: `is NaN${at} of ${sampleNames(samples)}`.replace('NaN of', 'NaN for') };
    }
  }
  return null;
}
