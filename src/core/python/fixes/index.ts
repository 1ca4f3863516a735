/** What mends a hazard in source, best first. */
import type { Hazard } from '../findings';
import { textOf, type PythonTree } from '../syntax';
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

/** The text with a fix in it. */
export function applied(text: string, { edits }: SourceFix): string {
  // From the end; of two in one place the first one's text comes first.
  return [...edits.entries()]
    .sort(([first, a], [second, b]) => b.from - a.from || b.to - a.to || second - first)
    .reduce((all, [, edit]) => all.slice(0, edit.from) + edit.text + all.slice(edit.to), text);
}
