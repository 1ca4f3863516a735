/**
 * The trace file: what the modules of a live PyTorch program were given and gave, one JSON object a line, in the order
 * in which it happened. `{"nanoscopeTrace":1,…}` first, then passes and sites, then `{"end":…}` when the recording was
 * ended; a program that was killed leaves it out. Written by `src/debug/python/record.py`.
 */
import * as z from 'zod';
import { NanoscopeError } from '../errors';
import { birthMechanisms } from '../report';
import { parseRanges } from './ranges';

const count = z.int().min(0);
const name = z.string().max(2000);
/** Longer sequences are not told by position. */
const mostPositions = 1_000_000;

const ranges = z
  .string()
  .max(100_000)
  .refine((text) => {
    try {
      return parseRanges(text).every(({ to }) => to < mostPositions);
    } catch {
      return false;
    }
  }, 'positions that are no ascending ranges');
const perSample = z.array(ranges).max(100_000);

/** Whether every position that is named lies within an axis of that length. */
const within = (samples: readonly string[], length: number): boolean =>
  samples.every((text) => Number(/(\d+)$/.exec(text)?.[1] ?? -1) < length);
const place = z.object({ file: z.string().max(10_000), line: count, function: name });
const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);

const tensor = z
  .object({
    name: name.nullish(),
    type: name,
    dtype: name.optional(),
    shape: z.array(z.int().min(-1)).max(64).optional(),
    nan: count.optional(),
    posInf: count.optional(),
    negInf: count.optional(),
    min: number.nullish(),
    max: number.nullish(),
    skipped: z.string().max(2000).nullish(),
    /** For each sample the positions with NaN and Inf; null where no two axes could be taken for these. */
    positions: z
      .object({
        sample: z.int().nullish(),
        position: z.int().nullish(),
        nan: perSample,
        posInf: perSample,
        negInf: perSample,
      })
      .nullish(),
  })
  .refine(({ shape = [], positions }) => {
    const axis = positions?.position ?? null;
    if (!positions || axis === null) return true;
    const length = shape.at(axis) ?? 0;
    // Axes that were joined stand behind one another in the one that is told.
    return [positions.nan, positions.posInf, positions.negInf].every((kind) => within(kind, length));
  }, 'positions beyond the shape');

const site = z.object({
  pass: count.nullable(),
  /** Qualified name of the module that was called, or in which the operation ran; '' for the outermost. */
  path: name,
  class: name.nullable(),
  /** Which call of this module within the pass. */
  call: count,
  /** `softmax`, or a kind of attention; null for the module itself. */
  op: name.nullable(),
  /** The program's line that made the call. */
  at: place.nullable(),
  source: place.nullable(),
  port: z.enum(['in', 'out']),
  tensor,
  /** Of an attention: the kernel that torch would choose. */
  backend: name.nullish(),
  /** `config._attn_implementation` of the module. */
  implementation: name.optional(),
  fastPathOff: z.boolean().optional(),
  /** Of an operation whose output holds NaN although its inputs do not. */
  mechanism: z.enum(birthMechanisms).optional(),
  why: z.string().max(4000).optional(),
  /** Of scores: rows that hold NaN but not only NaN, and the keys at which they do. */
  poisoned: z.object({ rows: perSample, keys: perSample }).optional(),
});

const pass = z.object({
  number: count,
  root: name,
  masks: z
    .array(
      z
        .object({ name, shape: z.array(count).max(8), pad: perSample })
        .refine(({ shape, pad }) => within(pad, shape[1] ?? 0), 'positions beyond the shape of a mask'),
    )
    .max(64),
  /** The recording began in the middle of it. */
  partial: z.boolean().optional(),
  inputs: z
    .array(z.object({ name: name.nullish(), dtype: name.optional(), shape: z.array(z.int()).max(64).optional() }))
    .max(64),
});
const header = z.object({ nanoscopeTrace: z.literal(1), torch: name, python: name, functions: z.boolean() });
const end = z.object({ dropped: count, errors: count, lastError: z.string().max(2000).nullable() });

const line = z.union([z.object({ pass }), z.object({ site }), z.object({ end })]);

export type TraceSite = z.infer<typeof site>;
export type TraceTensor = z.infer<typeof tensor>;
export type TracePass = z.infer<typeof pass>;

export interface ModuleTrace {
  readonly torch: string;
  readonly python: string;
  /** Whether softmax and attention were looked at. */
  readonly functions: boolean;
  readonly passes: readonly TracePass[];
  readonly sites: readonly TraceSite[];
  /** Null while it is recorded, and after a program that did not live to end it. */
  readonly end: z.infer<typeof end> | null;
}

/** A recorder writes 20,000 lines at most, and a few beyond its limit. */
const mostLines = 100_000;

/** Whether a file's beginning is that of a trace. */
export const isModuleTrace = (text: string): boolean => /^\s*\{\s*"nanoscopeTrace"/.test(text.slice(0, 200));

/**
 * @param text of a trace file, whose last line may be there in part
 * @throws NanoscopeError `file-unreadable`: a line is no part of a trace
 */
export function parseModuleTrace(text: string): ModuleTrace {
  const lines = text.split('\n');
  // What stands behind the last newline is still being written.
  lines.pop();
  if (lines.length > mostLines) throw refused(1, `it has more than ${mostLines.toLocaleString('en')} lines`);
  const first = header.safeParse(json(lines[0] ?? '', 1));
  if (!first.success) throw refused(1, 'it does not begin with {"nanoscopeTrace":1,…}');
  const passes: TracePass[] = [];
  const sites: TraceSite[] = [];
  let ended: ModuleTrace['end'] = null;
  for (const [i, content] of lines.slice(1).entries()) {
    if (content.trim() === '') continue;
    const parsed = line.safeParse(json(content, i + 2));
    if (!parsed.success) throw refused(i + 2, parsed.error.issues[0]?.message ?? 'wrong shape');
    const { data } = parsed;
    if ('pass' in data) passes.push(data.pass);
    else if ('site' in data) sites.push(data.site);
    else ended = data.end;
  }
  const { torch, python, functions } = first.data;
  return { torch, python, functions, passes, sites, end: ended };
}

function json(content: string, number: number): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw refused(number, 'it is not JSON', error);
  }
}

const refused = (number: number, why: string, cause?: unknown): NanoscopeError =>
  new NanoscopeError(
    'file-unreadable',
    `The trace cannot be read: line ${String(number)}: ${why}.`,
    'Record the modules of the program again.',
    { cause },
  );
