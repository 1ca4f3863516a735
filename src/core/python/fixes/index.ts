/** What mends a hazard in source, best first. */
import type { BirthMechanism } from '../../report';
import type { Hazard } from '../findings';
import { textOf, type PythonTree, type Syntax } from '../syntax';
import {
  cleanBehind,
  clearedValues,
  finiteMask,
  lowerOfBoth,
  openInfiniteRows,
  openLowestRows,
  openMask,
  safeSoftmax,
  switchOn,
  whereForMask,
  whereNotMultiplied,
  withinType,
} from './masks';
import { clampBefore, epsilon, realSoftmax, safeBranch, shifted, singlePrecision, withoutNanToNum } from './numbers';
import { positionsFromMask, rightPadding } from './padding';
import { nodeAt, type Place, type SourceFix } from './source';

export type { SourceEdit, SourceFix } from './source';

type Mend = (place: Place) => SourceFix | null;

const mends: Readonly<Record<string, readonly Mend[]>> = {
  'masked-row-no-guard': [openInfiniteRows, safeSoftmax, finiteMask, cleanBehind],
  'lowest-mask-no-guard': [openLowestRows],
  'merged-mask-attention': [openMask],
  'lowest-values-added': [lowerOfBoth],
  'lowest-cast-to-half': [withinType],
  'mask-times-infinity': [whereNotMultiplied],
  'mask-multiply-keeps-nan': [whereForMask],
  'fill-keeps-value-nan': [clearedValues],
  'guard-switched-off': [switchOn],
  'softmax-no-max': [realSoftmax, shifted],
  'division-no-epsilon': [epsilon],
  'domain-not-guarded': [clampBefore],
  'where-nan-gradient': [safeBranch],
  'half-precision-softmax': [singlePrecision],
  'nan-to-num-hides': [withoutNanToNum],
  'left-padding-arange-positions': [positionsFromMask],
  'left-padding-eager': [rightPadding],
};

/** @param tree of the text that the hazard was found in */
export function sourceFixes(tree: PythonTree, { rule, from, to, clue }: Hazard): readonly SourceFix[] {
  const node = nodeAt(tree, from, to);
  if (!node) return [];
  const place: Place = { tree, node, clue, text: (one) => textOf(tree, one) };
  return (mends[rule] ?? []).flatMap((mend) => mend(place) ?? []);
}

/** What mends a birth of NaN where it was computed, whatever rules say of the place. */
const ofBirths: Partial<Record<BirthMechanism, readonly Mend[]>> = {
  'fully-masked-row': [openInfiniteRows, safeSoftmax, cleanBehind],
  'mask-overflow': [openLowestRows],
  'score-overflow': [singlePrecision],
  'zero-times-inf': [whereNotMultiplied],
  'zero-over-zero': [epsilon],
  'inf-over-inf': [realSoftmax],
  'log-of-negative': [clampBefore],
  'sqrt-of-negative': [clampBefore],
  'pow-of-negative': [clampBefore],
};

/** @param node computes what was NaN, in a run, for the first time. @param hazards of the same tree */
export function fixesOfBirth(
  tree: PythonTree,
  node: Syntax,
  mechanism: BirthMechanism,
  hazards: readonly Hazard[],
): readonly SourceFix[] {
  const own = hazards.find(({ from, to }) => from === node.from && to === node.to);
  if (own) return sourceFixes(tree, own);
  const place: Place = { tree, node, clue: {}, text: (one) => textOf(tree, one) };
  return isComputed(node) ? (ofBirths[mechanism] ?? []).flatMap((mend) => mend(place) ?? []) : [];
}

const isComputed = ({ type }: Syntax): boolean =>
  type === 'call' || type === 'binary_operator' || type === 'augmented_assignment';

/** The text with a fix in it. */
export function applied(text: string, { edits }: SourceFix): string {
  // From the end; of two in one place the first one's text comes first.
  return [...edits.entries()]
    .sort(([first, a], [second, b]) => b.from - a.from || b.to - a.to || second - first)
    .reduce((all, [, edit]) => all.slice(0, edit.from) + edit.text + all.slice(edit.to), text);
}
