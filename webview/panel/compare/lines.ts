/** Which lines and columns the table of a comparison has; pure. */
import { comparedLines, type ComparedLine, type ComparedRowLine } from '../../../src/app/render/compare/rows';
import type { Comparison } from '../../../src/core/compare/types';
import { layerFilter } from '../rows';
import type { UiState } from '../ui';

export interface CompareColumn {
  readonly variant: number;
  readonly sample: number;
}

export interface CompareLayout {
  readonly lines: readonly ComparedLine[];
  /** Those of `lines` that are rows. */
  readonly rows: readonly ComparedRowLine[];
  readonly columns: readonly CompareColumn[];
  /** Whether folding would make the table shorter, or has. */
  readonly foldable: boolean;
  /** Rows that there are to filter, and those of them in which variants differ. */
  readonly of: { readonly all: number; readonly unlike: number };
}

export type CompareFilter = Pick<UiState, 'onlyDifferences' | 'compareLayers' | 'compareInputs' | 'compareFolded'>;

interface Memo {
  readonly comparison: Comparison;
  readonly key: string;
  readonly layout: CompareLayout;
}
let memo: Memo | null = null;

/** Scrolling redraws sixty times a second; lines change only with the comparison and the filter. */
export function compareLayout(comparison: Comparison, ui: CompareFilter): CompareLayout {
  const { onlyDifferences, compareLayers, compareInputs, compareFolded } = ui;
  const key = JSON.stringify([onlyDifferences, compareLayers, compareInputs, compareFolded]);
  if (memo?.comparison !== comparison || memo.key !== key)
    memo = { comparison, key, layout: makeLayout(comparison, ui) };
  return memo.layout;
}

function makeLayout(comparison: Comparison, ui: CompareFilter): CompareLayout {
  const wanted = layerFilter(ui.compareLayers);
  const all = linesOf(comparison, ui, true);
  const folded = ui.compareLayers.trim() === '' && !ui.compareInputs ? linesOf(comparison, ui, false) : all;
  const lines = (ui.compareFolded ? folded : all).filter((line) => line.kind === 'fold' || wanted(namesOf(line)));
  const unfiltered = rowsOf(linesOf(comparison, { ...ui, onlyDifferences: false }, true));
  return {
    lines,
    rows: rowsOf(lines),
    columns: comparison.variants.flatMap(({ roles }, variant) => roles.map((_, sample) => ({ variant, sample }))),
    foldable: folded.length < all.length,
    of: { all: unfiltered.length, unlike: unfiltered.filter(({ row }) => !row.same).length },
  };
}

const rowsOf = (lines: readonly ComparedLine[]): ComparedRowLine[] => lines.filter((line) => line.kind === 'row');

function linesOf(
  comparison: Comparison,
  { onlyDifferences, compareInputs }: Pick<CompareFilter, 'onlyDifferences' | 'compareInputs'>,
  unfolded: boolean,
): readonly ComparedLine[] {
  return comparedLines(comparison, {
    differences: onlyDifferences,
    all: compareInputs,
    // Layers that are asked for by number are not folded.
    layers: unfolded ? layersOf(comparison) : undefined,
  });
}

const namesOf = ({ row, layer, name }: ComparedRowLine): { layer: number | null; words: string[] } => ({
  layer: row.layer,
  words: [layer === null ? name : `${layer} ${name}`, row.label],
});

const layersOf = ({ rows }: Comparison): number[] => [
  ...new Set(rows.flatMap(({ layer }) => (layer === null ? [] : [layer]))),
];

const kept = new WeakMap<Comparison, readonly ComparedRowLine[]>();

/** What the map draws: nothing filtered, nothing folded. */
export function mapLines(comparison: Comparison): readonly ComparedRowLine[] {
  const known = kept.get(comparison);
  if (known) return known;
  const lines = rowsOf(linesOf(comparison, { onlyDifferences: false, compareInputs: false }, true));
  kept.set(comparison, lines);
  return lines;
}
