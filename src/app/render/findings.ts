/** Findings in words, shared by the terminal and the markdown report. Nothing here is escaped yet. */
import type { Evidence, EvidenceValue, Finding, FixResult, ModelInfo, Observer, Report } from '../../core/report';
import { placeOf } from '../../core/trace/verdict';
import { shortNumber } from './numbers';
import { clip } from './text';

/** Findings that differ only in the layer, told once. */
export interface FindingGroup<F extends Finding> {
  readonly first: F;
  /** Ascending layers of the others, without `null`. */
  readonly others: readonly F[];
}

/**
 * Joins findings of one kind that repeat from layer to layer: same mechanism, op, stage and positions. The order of
 * first appearance is kept, so the leading origin stays first.
 */
export function groupFindings<F extends Finding & { readonly mechanism: string }>(
  findings: readonly F[],
): FindingGroup<F>[] {
  const groups = new Map<string, { first: F; others: F[] }>();
  for (const finding of findings) {
    const key =
      finding.layer === null
        ? JSON.stringify([finding.tensor, groups.size])
        : JSON.stringify([finding.mechanism, finding.op, finding.stage, finding.block, finding.positions]);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { first: finding, others: [] });
    } else {
      group.others.push(finding);
    }
  }
  return [...groups.values()];
}

/** ` and, in the same way, in layers 2–60`; empty for a group of one. */
export function othersText(group: FindingGroup<Finding>): string {
  if (group.others.length === 0) {
    return '';
  }
  const layers = group.others.flatMap((finding) => (finding.layer === null ? [] : [finding.layer]));
  return `the same in ${layers.length === 1 ? 'layer' : 'layers'} ${layerRanges(layers)}`;
}

/** `1–3, 7`. */
export function layerRanges(layers: readonly number[]): string {
  const sorted = [...new Set(layers)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; i++) {
    const from = sorted[i] ?? 0;
    while (sorted[i + 1] === (sorted[i] ?? 0) + 1) {
      i++;
    }
    const to = sorted[i] ?? from;
    parts.push(from === to ? String(from) : `${String(from)}–${String(to)}`);
  }
  return parts.join(', ');
}

/** `sample 0: 0-29; sample 2: 5`, or what is said where positions are unknown. */
export function positionsText(finding: Pick<Finding, 'positions'>): string {
  if (finding.positions === null) {
    return 'positions unknown';
  }
  const parts = finding.positions.flatMap((positions, sample) =>
    positions === '' ? [] : [`sample ${String(sample)}: ${positions}`],
  );
  return parts.length === 0 ? 'at no position' : parts.join('; ');
}

export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const placeText = (finding: Finding): string => placeOf(finding);

/** Longer evidence is for machines; `--json` has it whole. */
const longestEvidence = 400;

/** Keys and values as text; nested values as JSON. */
export const evidencePairs = (evidence: Evidence): readonly (readonly [string, string])[] =>
  Object.entries(evidence)
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([key, value]) => [key, clip(evidenceText(value), longestEvidence)] as const);

/** `sample 0, position 2, values [−1, +inf]; sample 1, …`: no JSON for a person to read. */
function evidenceText(value: EvidenceValue): string {
  if (value === null) return '–';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : shortNumber(value);
  if (typeof value === 'string') return value === 'Infinity' ? '+inf' : value === '-Infinity' ? '−inf' : value;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (isList(value)) {
    const lists = value.some((entry) => typeof entry === 'object' && entry !== null);
    return lists ? value.map(evidenceText).join('; ') : `[${value.map(evidenceText).join(', ')}]`;
  }
  return Object.entries(value)
    .map(([key, own]) => `${key} ${evidenceText(own)}`)
    .join(', ');
}

const isList = (value: EvidenceValue): value is readonly EvidenceValue[] => Array.isArray(value);

/** What a verdict of a fix means, for a person who has not read the documentation. */
export const verdictMeaning: Readonly<Record<FixResult['verdict'], string>> = {
  heals: 'no NaN left and real tokens equal the reference',
  partial: 'real tokens are clean and equal the reference; NaN is left at padding',
  hides: 'no NaN left, but real tokens differ from the reference',
  fails: 'NaN is left at real tokens',
  unproven: 'no NaN left, but nothing says what real tokens should be',
  declines: 'does not apply here',
};

export const referenceText: Readonly<Record<FixResult['reference'], string>> = {
  unpadded: 'each sample run alone, without padding',
  'in-batch': 'the same padded batch with every masked slot removed exactly',
  'high-precision': 'the same batch in higher precision',
  none: 'none',
};

/** Whether measuring changed what was measured, and what the level of the user's own runs does. */
export function observerText(observer: Observer): string {
  const own = observer.outputsBitEqual
    ? 'Measuring changed nothing: outputs with and without probes are equal bit for bit.'
    : 'Measuring changed the outputs: with and without probes they differ in some bits.';
  if (observer.userLevel === null) {
    return own;
  }
  if (observer.roundedTo !== undefined) {
    return `${own} ${unroundedText(observer.userLevel)}`;
  }
  const { level, sameNanPositions, maxAbsDiff } = observer.userLevel;
  return `${own} At optimization level ${level}, NaN is ${
    sameNanPositions ? 'at the same positions' : 'NOT at the same positions'
  }; finite outputs differ by at most ${shortNumber(maxAbsDiff)}.`;
}

/** What the engine's own arithmetic makes of a float16 model, beside the true rounding that the report tells of. */
export function unroundedText({ level, sameNanPositions, maxAbsDiff }: NonNullable<Observer['userLevel']>): string {
  const differs = !sameNanPositions || typeof maxAbsDiff === 'string';
  return (
    "ONNX Runtime's CPU kernels compute float16 in float32: a plain CPU run " +
    `(optimization level ${level}) has NaN ${
      sameNanPositions ? 'at the same positions' : 'NOT at the same positions'
    }, and numbers that differ by at most ${shortNumber(maxAbsDiff)}; ` +
    (differs
      ? 'on a GPU, which rounds to float16 as was done here, expect what this report tells.'
      : 'a GPU rounds to float16 as was done here.')
  );
}

/** One line on how attention is computed: `Softmax (eager) in 61 layers`. */
export function attentionText({ model }: Pick<Report, 'model'>): string {
  const kinds = new Map<string, number>();
  for (const { kind, op } of model.attention) {
    const key = `${op} (${kind})`;
    kinds.set(key, (kinds.get(key) ?? 0) + 1);
  }
  return kinds.size === 0
    ? 'no attention found'
    : `attention by ${[...kinds].map(([kind, count]) => `${kind}${count > 1 ? ` × ${String(count)}` : ''}`).join(', ')}`;
}

/** `opset 17, 4 layers`; a running program has no opset. */
export const modelFacts = ({ source, opset, layers }: ModelInfo): string =>
  `${source === 'live' ? '' : `opset ${String(opset)}, `}${String(layers)} ${layers === 1 ? 'layer' : 'layers'}`;

/** What computed it, at which level of optimization where it has levels. */
export const engineText = (
  { name, version, optimization }: Report['engine'],
  plain: (text: string) => string = String,
  code: (text: string) => string = String,
): string =>
  name === 'pytorch' ? `PyTorch ${plain(version)}` : `${name} ${plain(version)}, optimization ${code(optimization)}`;
