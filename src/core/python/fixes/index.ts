/** What mends a hazard in source, best first. */
import type { Hazard } from '../findings';
import { textOf, type PythonTree } from '../syntax';
import {
  cleanBehind,
  lowerOfBoth,
  openInfiniteRows,
  openLowestRows,
  openMask,
  switchOn,
  whereForMask,
  whereNotMultiplied,
} from './masks';
import {
  clampBefore,
  epsilon,
  positionsFromMask,
  realSoftmax,
  rightPadding,
  singlePrecision,
  withoutNanToNum,
} from './numbers';
import { nodeAt, type Place, type SourceFix } from './source';

export type { SourceEdit, SourceFix } from './source';

type Mend = (place: Place) => SourceFix | null;

const mends: Readonly<Record<string, readonly Mend[]>> = {
  'masked-row-no-guard': [openInfiniteRows, cleanBehind],
  'lowest-mask-no-guard': [openLowestRows],
  'merged-mask-attention': [openMask],
  'lowest-values-added': [lowerOfBoth],
  'mask-times-infinity': [whereNotMultiplied],
  'mask-multiply-keeps-nan': [whereForMask],
  'guard-switched-off': [switchOn],
  'softmax-no-max': [realSoftmax],
  'division-no-epsilon': [epsilon],
  'domain-not-guarded': [clampBefore],
  'half-precision-softmax': [singlePrecision],
  'nan-to-num-hides': [withoutNanToNum],
  'left-padding-arange-positions': [positionsFromMask],
  'left-padding-eager': [rightPadding],
};

/** @param tree of the text that the hazard was found in */
export function sourceFixes(tree: PythonTree, { rule, from, to }: Hazard): readonly SourceFix[] {
  const node = nodeAt(tree, from, to);
  if (!node) return [];
  const place: Place = { tree, node, text: (one) => textOf(tree, one) };
  return (mends[rule] ?? []).flatMap((mend) => mend(place) ?? []);
}

/** The text with a fix in it. */
export function applied(text: string, { edits }: SourceFix): string {
  return [...edits]
    .sort((a, b) => b.from - a.from || b.to - a.to)
    .reduce((all, edit) => all.slice(0, edit.from) + edit.text + all.slice(edit.to), text);
}
