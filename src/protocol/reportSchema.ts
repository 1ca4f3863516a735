/**
 * The report as it arrives from outside: a message, a saved file. Unknown fields are ignored (fields are added, never
 * changed); everything that is shown is checked, so that a hand-edited report gives one clear refusal.
 * The lists are spelled out because `protocol` knows only the types of `core`: `satisfies` refuses a word that the
 * contract lacks, and a test tries every word that it has.
 */
// As a namespace: a page's bundle then holds what is used of zod and not its forty languages.
import * as z from 'zod';
import type { EvidenceValue, Report } from '../core/report';

export const count = z.int().min(0);
export const jsonNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
const level = z.enum(['disabled', 'basic', 'extended', 'all']);
export const stage = z.enum([
  'embed',
  'attn-norm',
  'attention',
  'mlp-norm',
  'mlp',
  'layer',
  'final-norm',
  'logits',
  'other',
]);
export const block = z.enum(['self', 'cross']).nullable();
/** `"0-3,7"`; order and merging are checked by whoever reads the ranges. */
export const ranges = z.string().regex(/^(?:\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)?$/);
export const roles = z.string().regex(/^[pr]*$/);
const padSide = z.enum(['left', 'right', 'none']);

const evidence: z.ZodType<EvidenceValue> = z.lazy(() =>
  z.union([z.number(), z.string(), z.boolean(), z.null(), z.array(evidence), z.record(z.string(), evidence)]),
);

const sourceLine = z.object({ file: z.string(), line: z.int().min(0) });

const finding = {
  tensor: z.string(),
  node: z.string().nullable(),
  op: z.string().nullable(),
  layer: z.int().nullable(),
  block,
  stage,
  side: z.enum(['encoder', 'decoder']).exactOptional(),
  module: z.string().exactOptional(),
  source: sourceLine.exactOptional(),
  positions: z.array(ranges).nullable(),
  evidence: z.record(z.string(), evidence),
  explanation: z.string(),
};

const sampleHealth = z.object({
  nan: count,
  of: count,
  padNan: count,
  pad: count,
  realNan: count,
  real: count,
  posInf: count,
  negInf: count,
  absMax: z.number().nullable(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  norm: z.number().nullable(),
  nanAt: ranges,
});

const tableRow = z.object({
  layer: z.int().nullable(),
  block,
  stage,
  port: z.enum(['in', 'out']),
  label: z.string(),
  tensor: z.string(),
  node: z.string().nullable(),
  op: z.string().nullable(),
  axes: z.enum(['tokens', 'query', 'key', 'whole']),
  sequence: z.literal('memory').exactOptional(),
  held: ranges.exactOptional(),
  dtype: z.string(),
  shape: z.array(z.number()),
  source: sourceLine.exactOptional(),
  samples: z.array(sampleHealth).nullable(),
  whole: z.object({ nan: z.boolean(), posInf: z.boolean(), negInf: z.boolean() }).exactOptional(),
});

const fix = z.object({
  id: z.string(),
  kind: z.enum(['graph', 'batch', 'combination', 'trap']).exactOptional(),
  title: z.string(),
  effect: z.string().exactOptional(),
  parts: z.array(z.string()).exactOptional(),
  fed: z.array(z.string()).exactOptional(),
  verdict: z.enum(['heals', 'partial', 'hides', 'fails', 'unproven', 'declines']),
  reason: z.string(),
  reference: z.enum(['unpadded', 'in-batch', 'high-precision', 'none']),
  nanAfter: count.nullable(),
  realNanAfter: count.nullable(),
  realMaxAbsDiff: jsonNumber.nullable(),
  tolerance: z.number().nullable(),
  topTokenSame: z.boolean().nullable(),
  costRatio: z.number().nullable(),
  edits: count,
  paddingShift: z.number().nullable().exactOptional(),
  byRow: z
    .array(z.object({ layer: z.int().nullable(), block, stage, port: z.enum(['in', 'out']), maxAbsDiff: jsonNumber }))
    .exactOptional(),
  batches: z.array(z.array(count)).exactOptional(),
});

export const birthMechanism = z.enum([
  'fully-masked-row',
  'mask-overflow',
  'score-overflow',
  'zero-times-inf',
  'inf-minus-inf',
  'zero-over-zero',
  'inf-over-inf',
  'log-of-negative',
  'sqrt-of-negative',
  'pow-of-negative',
  'nan-in-weights',
  'nan-in-input',
  'unknown',
]);

const outcome = z.enum(['confirmed', 'refuted', 'not-tested']);
const lookCase = z.object({
  verdict: z.enum(['fully-masked', 'safe', 'unknown']),
  rows: ranges,
  rowsAtMost: ranges,
  reason: z.string().exactOptional(),
  confirmed: outcome,
});
export const modelSchema = z.object({
  name: z.string(),
  source: z.enum(['file', 'built-in', 'live']),
  cast: z.literal('float32').exactOptional(),
  expandedAttention: z.literal(true).exactOptional(),
  opset: z.int(),
  layers: count,
  attention: z.array(
    z.object({
      layer: z.int().nullable(),
      kind: z.enum(['eager', 'fused']),
      op: z.string(),
      node: z.string(),
      kvGroups: z.int().nullable(),
    }),
  ),
});

export const staticLookSchema = z.object({
  paddingInputs: z.array(z.string()),
  masks: z.array(
    z.object({
      nodes: z.array(z.string()),
      layers: z.array(z.int().nullable()),
      kind: z.enum(['eager', 'fused']),
      fill: z.enum(['-Infinity', 'finite', 'zeros']).nullable(),
      left: lookCase,
      right: lookCase,
      empty: lookCase,
      sentence: z.string(),
      confirmed: outcome,
    }),
  ),
});

export const reportSchema = z.object({
  schemaVersion: z.literal(1),
  model: modelSchema,
  engine: z.object({ name: z.enum(['onnxruntime-node', 'pytorch']), version: z.string(), optimization: level }),
  batch: z.object({
    samples: count,
    positions: count,
    padding: z.array(z.enum(['left', 'right', 'none', 'both', 'inside'])),
    roles: z.array(roles),
    inputs: z.record(z.string(), z.object({ dtype: z.string(), shape: z.array(z.number()) })),
    rolesFrom: z.string(),
    memory: z.object({ positions: count, roles: z.array(roles) }).exactOptional(),
    source: z
      .discriminatedUnion('kind', [
        z.object({
          kind: z.literal('file'),
          name: z.string(),
          lengths: z.array(count).exactOptional(),
          pad: padSide.exactOptional(),
        }),
        z.object({
          kind: z.literal('lengths'),
          lengths: z.array(count),
          pad: padSide,
          seed: count,
          padId: count.exactOptional(),
        }),
      ])
      .exactOptional(),
    mask: z.string().exactOptional(),
    padIds: z
      .record(z.string(), z.object({ id: count, from: z.enum(['asked', 'graph', 'metadata', 'assumed']) }))
      .exactOptional(),
  }),
  outputs: z.array(
    z.object({
      name: z.string(),
      nanPositions: z.array(count).nullable(),
      of: count,
      nanAt: z.array(ranges).nullable(),
      held: ranges.exactOptional(),
    }),
  ),
  table: z.array(tableRow),
  origins: z.array(z.object({ ...finding, mechanism: birthMechanism })),
  spread: z.array(
    z.object({
      ...finding,
      mechanism: z.enum([
        'nan-plus-minus-inf',
        'zero-times-nan',
        'contraction',
        'softmax-row',
        'reduction',
        'elementwise',
        'residual',
        'gather',
      ]),
    }),
  ),
  staticLook: staticLookSchema.exactOptional(),
  ruledOut: z.array(z.object({ id: z.string(), claim: z.string(), because: z.string() })).exactOptional(),
  silent: z.array(
    z.object({
      ...finding,
      mechanism: z.enum([
        'guarded',
        'unmasked-silently',
        'overflow-risk',
        'unread-nan-weight',
        'swallowed',
        'laundered',
      ]),
    }),
  ),
  fixes: z.array(fix).exactOptional(),
  recommendation: z.object({ fix: z.string().nullable(), sentence: z.string() }).exactOptional(),
  observer: z
    .object({
      outputsBitEqual: z.boolean(),
      roundedTo: z.literal('float16').exactOptional(),
      userLevel: z.object({ level, sameNanPositions: z.boolean(), maxAbsDiff: jsonNumber }).nullable(),
    })
    .exactOptional(),
  notes: z.array(z.string()),
}) satisfies z.ZodType<Report>;
