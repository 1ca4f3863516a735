/**
 * What the person has set in the page and the host need not know: filters, selection, scroll positions, the batch
 * being typed. Kept with `setState` beside the host's state, so that it survives hiding and reloading.
 */
import * as z from 'zod';

/** The batch bar as typed; `lengths` and `seed` may not be valid yet. */
const draft = z.object({
  kind: z.enum(['lengths', 'file']),
  lengths: z.string(),
  pad: z.enum(['left', 'right', 'none']),
  seed: z.string(),
  mask: z.string(),
  padId: z.string().catch(''),
  expandAttention: z.boolean().catch(false),
  level: z.enum(['disabled', 'basic', 'extended', 'all']),
});
export type BatchDraft = z.infer<typeof draft>;

/** A cell of the table: index in `report.table`, and a sample, or -1 for the stage's own cell. */
const cell = z.object({ row: z.int().min(0), sample: z.int().min(-1) });
export type CellRef = z.infer<typeof cell>;

const uiState = z.object({
  draft: draft.nullable().catch(null),
  layers: z.string().catch(''),
  onlyNan: z.boolean().catch(false),
  port: z.enum(['out', 'in', 'all']).catch('out'),
  stage: z
    .enum(['all', 'embed', 'attn-norm', 'attention', 'mlp-norm', 'mlp', 'layer', 'final-norm', 'logits', 'other'])
    .catch('all'),
  /** Where arrow keys start from. */
  active: cell.nullable().catch(null),
  /** The cell whose details are open. */
  details: cell.nullable().catch(null),
  mapSample: z.int().min(0).catch(0),
  /** What Apply does with big weights, where the host offers the choice. */
  weights: z.enum(['reference', 'copy']).catch('reference'),
  /** What Apply changes, where there is a file to change. */
  target: z.enum(['copy', 'in-place']).catch('copy'),
  /** Ids of the foldable sections that are open. */
  open: z.array(z.string()).catch([]),
  tab: z.enum(['diagnosis', 'comparison']).catch('diagnosis'),
  /** The comparison whose tab was brought to the front: that happens once. */
  comparisonSeen: z.string().catch(''),
  onlyDifferences: z.boolean().catch(false),
  compareLayers: z.string().catch(''),
  /** Rows of inputs too. */
  compareInputs: z.boolean().catch(false),
  /** Layers that show the same are one line. */
  compareFolded: z.boolean().catch(true),
  /** Which two variants the map lays over each other; null: the first two that differ. */
  comparePair: z
    .tuple([z.int().min(0), z.int().min(0)])
    .nullable()
    .catch(null),
  compareSample: z.int().min(0).nullable().catch(null),
  /** A cell of the comparison: index of its row, and of its column; -1 for the stage's own. */
  compareActive: z
    .object({ row: z.int().min(0), column: z.int().min(-1) })
    .nullable()
    .catch(null),
  compareTop: z.number().catch(0),
  compareLeft: z.number().catch(0),
  pageTop: z.number().catch(0),
  tableTop: z.number().catch(0),
  tableLeft: z.number().catch(0),
});
export type UiState = z.infer<typeof uiState>;

/** Whatever was kept, mended: a field that this version cannot read falls back to its default. */
export function readUi(kept: unknown): UiState {
  const result = uiState.safeParse(typeof kept === 'object' && kept !== null ? kept : {});
  return result.success ? result.data : uiState.parse({});
}
