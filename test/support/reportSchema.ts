/**
 * The report contract as a schema, written from the design and not from what the code produces: no key more, no key
 * less, and the relations between figures that every report must keep.
 */
import { z } from 'zod';

const count = z.int().min(0);
const jsonNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
const ranges = z.string().regex(/^(\d+(-\d+)?(,\d+(-\d+)?)*)?$/);
const stage = z.enum(['embed', 'attn-norm', 'attention', 'mlp-norm', 'mlp', 'layer', 'final-norm', 'logits', 'other']);
const block = z.enum(['self', 'cross']).nullable();
const layer = count.nullable();
const level = z.enum(['disabled', 'basic', 'extended', 'all']);
const roles = z.array(z.string().regex(/^[pr]*$/));

const evidence: z.ZodType = z.lazy(() =>
  z.union([z.number(), z.string(), z.boolean(), z.null(), z.array(evidence), z.record(z.string(), evidence)]),
);

const sourceLine = z.strictObject({ file: z.string().min(1), line: count });

const health = z
  .strictObject({
    nan: count,
    of: count,
    padNan: count,
    pad: count,
    realNan: count,
    real: count,
    posInf: count,
    negInf: count,
    absMax: z.number().min(0).nullable(),
    min: z.number().nullable(),
    max: z.number().nullable(),
    norm: z.number().min(0).nullable(),
    nanAt: ranges,
  })
  .refine((h) => h.nan === h.padNan + h.realNan, 'nan = padNan + realNan')
  .refine((h) => h.of === h.pad + h.real, 'of = pad + real')
  .refine((h) => h.nan === sizeOf(h.nanAt), 'nan = number of positions in nanAt')
  .refine((h) => Math.max(h.nan, h.posInf, h.negInf) <= h.of, 'counts are of positions');

const row = z
  .strictObject({
    layer,
    block,
    stage,
    port: z.enum(['in', 'out']),
    label: z.string(),
    tensor: z.string().min(1),
    node: z.string().nullable(),
    op: z.string().nullable(),
    axes: z.enum(['tokens', 'query', 'key', 'whole']),
    sequence: z.literal('memory').optional(),
    held: ranges.optional(),
    dtype: z.string(),
    shape: z.array(count),
    source: sourceLine.optional(),
    samples: z.array(health).nullable(),
    whole: z.strictObject({ nan: z.boolean(), posInf: z.boolean(), negInf: z.boolean() }).optional(),
  })
  .refine((r) => (r.axes === 'whole') === (r.samples === null), 'samples is null exactly where axes is whole')
  .refine(
    ({ held, samples }) => held === undefined || samples?.every(({ of }) => of === sizeOf(held)),
    'held has `of` positions',
  );

/** The way to a node in a body or function; a node that is in none has no such list. */
const insideFrame = z.strictObject({
  node: z.string().min(1),
  op: z.string().min(1),
  body: z.enum(['function', 'then_branch', 'else_branch', 'body', 'expanded']),
  iteration: count.nullable(),
  iterations: ranges.optional(),
});

const finding = {
  tensor: z.string().min(1),
  node: z.string().nullable(),
  op: z.string().nullable(),
  layer,
  block,
  stage,
  side: z.enum(['encoder', 'decoder']).optional(),
  module: z.string().min(1).optional(),
  source: sourceLine.optional(),
  positions: z.array(ranges).nullable(),
  evidence: z
    .record(z.string(), evidence)
    .refine((own) => !('inside' in own) || z.array(insideFrame).min(1).safeParse(own.inside).success, 'inside'),
  explanation: z.string().min(1),
};

const origin = z
  .strictObject({
    ...finding,
    mechanism: z.enum([
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
    ]),
  })
  .refine((o) => (o.mechanism === 'nan-in-input') === (o.node === null && o.op === null), 'only an input has no node');

const crossing = z.strictObject({
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
});

const silent = z.strictObject({
  ...finding,
  mechanism: z.enum(['guarded', 'unmasked-silently', 'overflow-risk', 'unread-nan-weight', 'swallowed', 'laundered']),
});

const fixId = z.string().regex(/^[a-z0-9-]+(\+[a-z0-9-]+)*$/);
const fix = z
  .strictObject({
    id: fixId,
    kind: z.enum(['graph', 'batch', 'combination', 'trap']).optional(),
    title: z.string().min(1),
    effect: z.string().min(1).optional(),
    parts: z.array(z.string()).min(2).optional(),
    fed: z.array(z.string()).min(1).optional(),
    verdict: z.enum(['heals', 'partial', 'hides', 'fails', 'unproven', 'declines']),
    reason: z.string(),
    reference: z.enum(['unpadded', 'in-batch', 'high-precision', 'none']),
    nanAfter: count.nullable(),
    realNanAfter: count.nullable(),
    realMaxAbsDiff: jsonNumber.nullable(),
    tolerance: z.number().min(0).nullable(),
    topTokenSame: z.boolean().nullable(),
    costRatio: z.number().positive().nullable(),
    edits: count,
    paddingShift: z.number().nullable().optional(),
    byRow: z
      .array(
        z.strictObject({
          layer: count.nullable(),
          block: z.enum(['self', 'cross']).nullable(),
          stage,
          port: z.enum(['in', 'out']),
          maxAbsDiff: jsonNumber,
        }),
      )
      .optional(),
    batches: z.array(z.array(count).min(1)).optional(),
  })
  .refine((f) => (f.kind === 'combination') === (f.parts !== undefined), 'a combination has parts')
  .refine((f) => f.parts === undefined || f.parts.join('+') === f.id, 'a combination is named by its parts')
  .refine((f) => f.kind !== 'combination' || f.edits >= 1, 'some part is an edit')
  .refine((f) => f.verdict !== 'heals' || (f.nanAfter === 0 && f.reference !== 'none'), '0 NaN, and compared')
  .refine((f) => f.verdict !== 'partial' || (f.realNanAfter === 0 && (f.nanAfter ?? 0) > 0), 'NaN at pads alone')
  .refine((f) => f.verdict !== 'fails' || (f.realNanAfter ?? 0) > 0, 'NaN at real tokens')
  .refine((f) => f.verdict !== 'declines' || f.nanAfter === null, 'what was not run has no figures');

const outcome = z.enum(['confirmed', 'refuted', 'not-tested']);
const lookCase = z
  .strictObject({
    verdict: z.enum(['fully-masked', 'safe', 'unknown']),
    rows: ranges,
    rowsAtMost: ranges,
    reason: z.string().min(1).optional(),
    confirmed: outcome,
  })
  .refine((c) => (c.verdict === 'fully-masked') === (c.rows !== '' || c.rowsAtMost !== ''), 'rows where there are any')
  .refine((c) => (c.verdict === 'unknown') === (c.reason !== undefined), 'only what is not known has a reason');
const maskLook = z.strictObject({
  nodes: z.array(z.string().min(1)).min(1),
  layers: z.array(layer).min(1),
  kind: z.enum(['eager', 'fused']),
  fill: z.enum(['-Infinity', 'finite', 'zeros']).nullable(),
  left: lookCase,
  right: lookCase,
  empty: lookCase,
  sentence: z.string().min(1),
  confirmed: outcome,
});
export const staticLookSchema = z.strictObject({ paddingInputs: z.array(z.string()), masks: z.array(maskLook) });

const fields = {
  schemaVersion: z.literal(1),
  model: z.strictObject({
    name: z.string().min(1),
    source: z.enum(['file', 'built-in', 'live']),
    cast: z.literal('float32').optional(),
    expandedAttention: z.literal(true).optional(),
    opset: count,
    layers: count,
    attention: z.array(
      z.strictObject({
        layer,
        kind: z.enum(['eager', 'fused']),
        op: z.string(),
        node: z.string(),
        kvGroups: z.int().min(1).nullable(),
      }),
    ),
  }),
  engine: z.strictObject({
    name: z.enum(['onnxruntime-node', 'pytorch']),
    version: z.string().regex(/^\d+\.\d+/),
    optimization: level,
  }),
  batch: z
    .strictObject({
      samples: z.int().min(1),
      positions: count,
      padding: z.array(z.enum(['left', 'right', 'none', 'both', 'inside'])),
      roles,
      inputs: z.record(z.string(), z.strictObject({ dtype: z.string(), shape: z.array(count) })),
      rolesFrom: z.string().min(1),
      memory: z.strictObject({ positions: count, roles }).optional(),
      source: z
        .discriminatedUnion('kind', [
          z.strictObject({
            kind: z.literal('file'),
            name: z.string().min(1),
            lengths: z.array(count).optional(),
            pad: z.enum(['left', 'right', 'none']).optional(),
          }),
          z.strictObject({
            kind: z.literal('lengths'),
            lengths: z.array(count).min(1),
            pad: z.enum(['left', 'right', 'none']),
            seed: count,
            padId: count.optional(),
          }),
        ])
        .optional(),
      mask: z.string().min(1).optional(),
      padIds: z
        .record(z.string(), z.strictObject({ id: count, from: z.enum(['asked', 'graph', 'metadata', 'assumed']) }))
        .optional(),
    })
    .refine((b) => b.padding.length === b.samples && b.roles.length === b.samples, 'one entry per sample')
    .refine((b) => b.roles.every((text) => text.length === b.positions), 'roles are full length'),
  outputs: z
    .array(
      z
        .strictObject({
          name: z.string(),
          nanPositions: z.array(count).nullable(),
          of: count,
          nanAt: z.array(ranges).nullable(),
          held: ranges.optional(),
        })
        .refine((o) => o.held === undefined || o.of === sizeOf(o.held), 'held has `of` positions')
        .refine(
          (o) =>
            o.nanPositions === null ||
            o.nanAt === null ||
            o.nanPositions.every((n, i) => n === sizeOf(o.nanAt?.[i] ?? '')),
          'nanPositions counts nanAt',
        ),
    )
    .min(1),
  table: z.array(row),
  origins: z.array(origin),
  spread: z.array(crossing),
  silent: z.array(silent),
  staticLook: staticLookSchema.optional(),
  ruledOut: z
    .array(z.strictObject({ id: z.string().min(1), claim: z.string().min(1), because: z.string().min(1) }))
    .optional(),
  fixes: z.array(fix).optional(),
  recommendation: z.strictObject({ fix: fixId.nullable(), sentence: z.string().regex(/^\S.*\.$/) }).optional(),
  observer: z
    .strictObject({
      outputsBitEqual: z.boolean(),
      roundedTo: z.literal('float16').optional(),
      userLevel: z.strictObject({ level, sameNanPositions: z.boolean(), maxAbsDiff: jsonNumber }).nullable(),
    })
    .optional(),
  notes: z.array(z.string().min(1)),
};

/** What `nanoscope diagnose --json` prints. */
export const reportSchema = z
  .strictObject(fields)
  .refine(
    ({ fixes, recommendation }) =>
      typeof recommendation?.fix !== 'string' ||
      fixes?.some(({ id, kind, verdict }) => id === recommendation.fix && kind !== 'trap' && verdict === 'heals'),
    'what is recommended heals, and is no trap',
  );

/** With `--apply`: the report of the patched copy, what was written, and the report from before. */
export const appliedReportSchema = z.strictObject({
  ...fields,
  applied: z.strictObject({
    file: z.string(),
    fixId: z.string(),
    edits: z.int().min(1),
    weights: z.enum(['inside', 'referenced', 'copied']),
  }),
  before: reportSchema,
});

/** What every command prints with `--json` when it fails. */
export const failureSchema = z.strictObject({
  error: z.strictObject({ code: z.string().regex(/^[a-z-]+$/), message: z.string().min(1), hint: z.string().min(1) }),
});

/** How many positions `"0-3,7"` names, counted independently of the product's own reader. */
function sizeOf(text: string): number {
  return text === ''
    ? 0
    : text.split(',').reduce((sum, part) => {
        const [from = 0, to = from] = part.split('-').map(Number);
        return sum + to - from + 1;
      }, 0);
}
