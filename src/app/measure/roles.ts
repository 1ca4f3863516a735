/** Who is padding: asked of the graph, by flipping one key of the mask input and looking at what the scores see. */
import { elementInputs } from '../../core/diagnose/rows/maskParts';
import { maskedBelow } from '../../core/diagnose/maskPlane';
import type { MaskPlane } from '../../core/diagnose/maskPlane';
import { kindOf, marksPadding } from '../../core/batch/layout';
import { comparedWith } from '../../core/batch/padId';
import { allReal, polarityFrom, polarityTrials, rolesFromMask, seenBy, trialMask } from '../../core/batch/roles';
import type { MaskReading } from '../../core/batch/maskReading';
import type { Batch, InputSpec } from '../../core/batch/types';
import type { MaskStep } from '../../core/diagnose/attentionSites';
import type { MaskSite } from '../../core/diagnose/maskSites';
import { NanoscopeError } from '../../core/errors';
import { axisLabelled, batchPlace, keyPlace, positionPlace } from '../../core/onnx/axes/types';
import { Graph } from '../../core/onnx/graph';
import { floatsOf } from '../../core/probe/floats';
import { extract, isFloat } from '../../core/probe/instrument';
import type { TensorData } from '../../core/tensor';
import { formatRanges } from '../../core/trace/ranges';
import type { EngineJob } from '../ports';
import { encode } from './facts';
import type { Prepared } from './measure';
import { maskKey, readMaskRows } from './maskRows';
import { maskInspections } from './masks';
import { feedsOf, measuring, withSession } from './sessions';

export interface RolesFound {
  /** By sequence (0 = tokens or target, 1 = memory). */
  readonly roles: readonly (readonly string[])[];
  readonly from: string;
}

/** `NAME` or `NAME:inverted`, as `--mask` says it; a name may itself end in `:inverted` if an input has it. */
export function parseMaskOption(option: string, inputs: readonly InputSpec[]): { input: string; inverted: boolean } {
  if (inputs.some((input) => input.name === option)) return { input: option, inverted: false };
  const inverted = option.endsWith(':inverted');
  const name = inverted ? option.slice(0, -':inverted'.length) : option;
  if (!inputs.some((input) => input.name === name)) {
    throw new NanoscopeError(
      'mask-missing',
      `The model has no input "${name}" that could be the mask.`,
      `Its inputs are ${inputs.map((input) => input.name).join(', ')}.`,
    );
  }
  return { input: name, inverted };
}

/**
 * Mask inputs of the graph and what their elements mean.
 * @param asked what the person said; wins over everything.
 * @throws NanoscopeError `mask-missing` when what was asked for cannot say who is padding.
 */
export async function readMasks(
  job: EngineJob,
  prepared: Prepared,
  specs: readonly InputSpec[],
  asked: { input: string; inverted: boolean } | null,
): Promise<MaskReading[]> {
  const { inputs } = prepared.target;
  const graph = new Graph(prepared.maskSites.model);
  const steps = waysIn(prepared);
  const readings: MaskReading[] = [];
  // Masks that are understood hide no key while the others are tried.
  let feeds = inputs;
  const settle = (reading: MaskReading): void => {
    readings.push(reading);
    const mask = inputs[reading.input];
    if (mask && reading.form !== 'ids') feeds = { ...feeds, [reading.input]: allOpen(mask, reading) };
  };
  const offValuesOf = async (spec: InputSpec, candidate: Candidate, real: 0 | 1): Promise<Set<number>> => {
    const off = new Set<number>();
    const mask = inputs[spec.name];
    if (!mask) return off;
    const reached = steps.filter((step) => elementInputs(graph, step.mask).has(spec.name));
    for (const odd of oddValues(mask)) {
      const [open = 0, flipped = 0] = await seenIn(job, prepared, feeds, candidate, reached, [odd, real]);
      if (flipped < open) off.add(odd);
    }
    return off;
  };
  const formOf = (candidate: Candidate, spec: InputSpec): ReturnType<typeof tryForms> => {
    const reached = steps.filter((step) => elementInputs(graph, step.mask).has(spec.name));
    return reached.length === 0 ? Promise.resolve(null) : tryForms(job, prepared, feeds, candidate, spec, reached);
  };
  if (asked) {
    const candidate = candidateOf(prepared, asked.input);
    const spec = specs.find(({ name }) => name === asked.input);
    if (!candidate || !spec) {
      throw new NanoscopeError(
        'mask-missing',
        `The input "${asked.input}" cannot be the mask: it has no axis of positions for every sample.`,
        'Name an input with one element per sample and position, such as attention_mask.',
      );
    }
    const additive =
      looksAdditive(inputs[asked.input]) ||
      (isFloat(spec.dtype) && (await formOf(candidate, spec))?.form === 'additive');
    settle({
      ...candidate,
      real: additive !== asked.inverted ? 0 : 1,
      form: additive ? 'additive' : 'flag',
      by: 'asked',
    });
  }
  const kindRank = (spec: InputSpec): number => ['mask', 'ids'].indexOf(kindOf(spec)) + 1 || 3;
  // Masks first: ids reach the scores too when the model makes its mask from them. Those of keys alone before those
  // that hold a query axis beside.
  const ordered = specs
    .flatMap((spec) => {
      const candidate = spec.name === asked?.input ? null : candidateOf(prepared, spec.name);
      return candidate && !['cache', 'cache-flag', 'positions'].includes(kindOf(spec)) ? [{ spec, candidate }] : [];
    })
    .sort((a, b) => kindRank(a.spec) - kindRank(b.spec) || (a.spec.dims?.length ?? 0) - (b.spec.dims?.length ?? 0));
  for (const { spec, candidate } of ordered) {
    const found = await formOf(candidate, spec);
    if (found) {
      const offValues = found.form === 'flag' ? await offValuesOf(spec, candidate, found.real) : undefined;
      settle({ ...candidate, ...found, ...(offValues && { offValues }), by: 'path' });
    } else if (kindOf(spec) === 'mask' && graph.consumers.has(spec.name)) {
      const form = looksAdditive(inputs[spec.name]) ? 'additive' : 'flag';
      readings.push({ ...candidate, real: form === 'additive' || marksPadding(spec.name) ? 0 : 1, form, by: 'name' });
    }
  }
  return readings;
}

/** More values than this are weights rather than flags; each costs a small run. */
const mostOddValues = 8;

/** Values of a mask beside 0 and 1; none where they are too many to be asked for one by one. */
function oddValues(mask: TensorData): number[] {
  const values = isFloat(mask.dtype) ? floatsOf(mask) : mask.data;
  const odd = new Set<number>();
  for (let i = 0; i < values.length && odd.size < mostOddValues + 3; i += 1) odd.add(Number(values[i]));
  odd.delete(0);
  odd.delete(1);
  return odd.size > mostOddValues ? [] : [...odd];
}

/** The same mask with every key real. */
const allOpen = (mask: TensorData, { axes, form, real }: MaskReading): TensorData =>
  trialMask(mask, { fill: form === 'additive' ? 0 : real, flipped: false }, axes.position);

/** A mask that scores meet: at a step of attention that is written out, or inside a fused node. */
type MaskWay =
  | { readonly mask: string; readonly step: MaskStep; readonly site: null }
  | { readonly mask: string; readonly step: null; readonly site: MaskSite };

const waysIn = ({ sites, maskSites }: Prepared): MaskWay[] => [
  ...sites.flatMap((site) => site.masks.map((step): MaskWay => ({ mask: step.mask, step, site: null }))),
  ...maskSites.sites
    .filter((site) => site.fused)
    .flatMap((site) => site.masks.map(({ value }): MaskWay => ({ mask: value, step: null, site }))),
];

type Candidate = Pick<MaskReading, 'input' | 'sequence' | 'axes' | 'perQuery' | 'held'>;

/** An input that says something about every key of every sample: as its names say, or as the graph reads it. */
function candidateOf({ inputAxes, axes, grid }: Prepared, input: string): Candidate | null {
  const own = axes.of(input) ?? inputAxes.get(input);
  const position = own ? (keyPlace(own) ?? positionPlace(own)) : null;
  if (!own || !position || own[position.axis]?.length !== 1) return null;
  const batch = batchPlace(own);
  // A causal mask is the same for all samples and says nothing of any.
  const labelled = own.filter(axisLabelled).length - (batch ? 1 : 0);
  if (!batch && (grid.samples > 1 || labelled > 1)) return null;
  return {
    input,
    sequence: position.factor.sequence,
    axes: { batch: batch?.axis ?? -1, position: position.axis },
    perQuery: labelled > 1,
    ...(position.factor.positions && { held: Array.from(position.factor.positions) }),
  };
}

/** Whether a float input holds what only an additive mask does. */
const looksAdditive = (tensor: TensorData | undefined): boolean =>
  tensor !== undefined && isFloat(tensor.dtype) && Array.from(floatsOf(tensor)).some((value) => value < maskedBelow);

type Feeds = Readonly<Record<string, TensorData>>;

/** 0 and 1 first; then what else an input of this type may hold. */
async function tryForms(
  job: EngineJob,
  prepared: Prepared,
  feeds: Feeds,
  candidate: Candidate,
  spec: InputSpec,
  steps: readonly MaskWay[],
): Promise<Pick<MaskReading, 'form' | 'real' | 'padId'> | null> {
  const attempt = (values: readonly [number, number]): Promise<0 | 1 | null> =>
    tryPolarity(job, prepared, feeds, candidate, steps, values);
  if (kindOf(spec) === 'ids') {
    const compared = comparedWith(prepared.target.graph, spec.name);
    for (const padId of compared.length > 0 ? compared : [0]) {
      // An id that the model compares with nothing.
      let token = 1;
      while (token === padId || compared.includes(token)) token += 1;
      if ((await attempt([padId, token])) === 1) return { form: 'ids', real: 1, padId };
    }
  }
  const flag = await attempt([0, 1]);
  if (flag !== null) return { form: 'flag', real: flag };
  if (isFloat(spec.dtype) && (await attempt([0, -Infinity])) === 0) return { form: 'additive', real: 0 };
  return null;
}

async function tryPolarity(...asked: Parameters<typeof seenIn>): Promise<0 | 1 | null> {
  const seen = await seenIn(...asked);
  return seen.length === 0 ? null : polarityFrom(seen);
}

/** What `seenBy` says of each of `polarityTrials`; empty where the mask cannot be read at all. */
async function seenIn(
  job: EngineJob,
  prepared: Prepared,
  inputs: Feeds,
  { input, axes: place }: Candidate,
  steps: readonly MaskWay[],
  meaning: readonly [number, number],
): Promise<number[]> {
  const { target, axes, facts, sites } = prepared;
  const { graph } = target;
  const mask = inputs[input];
  const way = steps[0];
  if (!mask || !way) return [];
  const { step } = way;
  if (step === null) {
    const trials = polarityTrials.map((trial) => ({
      ...inputs,
      [input]: trialMask(mask, trial, place.position, meaning),
    }));
    const { model } = prepared.maskSites;
    const rows = (await readMaskRows(job, prepared, { model, sites: [way.site] }, trials)).get(maskKey(way.site));
    return rows?.map(({ plane }) => seenBy([plane])) ?? [];
  }
  const site = sites.find((entry) => entry.masks.includes(step));
  const wanted = maskInspections(site ? [site] : [], axes, facts, (value) => graph.constant(value)?.data[0]);
  const values = [...new Set(wanted.map((entry) => entry.inspection.tensors[0] ?? ''))];
  if (values.length === 0) return [];
  const part = extract(graph, values);
  return withSession(job, encode(part, target), measuring(target), async (session) => {
    const feeds = feedsOf(session, { inputs });
    const seen: number[] = [];
    for (const trial of polarityTrials) {
      const run = await job.run({
        session: session.id,
        feeds: { ...feeds, [input]: trialMask(mask, trial, place.position, meaning) },
        fetch: [],
        inspect: wanted.map((entry) => entry.inspection),
      });
      seen.push(seenBy(Object.values(run.inspected) as MaskPlane[]));
    }
    return seen;
  });
}

/**
 * Roles of every sequence: from masks, else from the lengths that the batch was made of, else all real.
 * @throws NanoscopeError `mask-ambiguous` when masks that count the same disagree about padding.
 */
export function rolesOf(
  batch: Batch,
  readings: readonly MaskReading[],
  samples: number,
  positions: readonly number[],
): RolesFound {
  const said: string[] = [];
  const roles = positions.map((size, sequence) => {
    const told = agreed(batch, readings, samples, size, sequence);
    if (told) {
      const how = { path: 'by its effect on the scores', name: 'by its name', asked: 'as asked' }[told.reading.by];
      said.push(`${told.reading.input} (${meaningOf(told.reading)}, ${how})`);
      return told.roles;
    }
    if (batch.lengths?.lengths.length === samples) {
      said.push('the given lengths');
      const { lengths, pad } = batch.lengths;
      return lengths.map((length) => {
        const real = 'r'.repeat(Math.min(length, size));
        const pads = 'p'.repeat(size - real.length);
        return pad === 'left' ? pads + real : real + pads;
      });
    }
    said.push('no mask: every position counts as real');
    return allReal(samples, size);
  });
  return { roles, from: [...new Set(said)].join('; ') };
}

interface Told {
  readonly reading: MaskReading;
  readonly roles: readonly string[];
}

/** What the masks of one sequence say together: what was asked for, else effects on the scores, else names. */
function agreed(
  batch: Batch,
  readings: readonly MaskReading[],
  samples: number,
  size: number,
  sequence: number,
): Told | null {
  const told = readings.flatMap((reading): Told[] => {
    const mask = batch.inputs[reading.input];
    const { held } = reading;
    if (reading.sequence !== sequence || mask?.dims[reading.axes.position] !== (held?.length ?? size)) return [];
    const own = rolesFromMask(mask, realIn(reading), reading.axes, samples);
    return [{ reading, roles: held ? own.map((roles) => spreadOut(roles, held, size)) : own }];
  });
  const strongest = (['asked', 'path', 'name'] as const).find((by) => told.some(({ reading }) => reading.by === by));
  const counting = told.filter(({ reading }) => reading.by === strongest);
  // A mask of queries and keys may only say what is causal; ids say less than a mask that is there to say it.
  const witnesses = counting.filter(
    ({ reading, roles }) => reading.form !== 'ids' && !(reading.perQuery && roles.every((own) => !own.includes('p'))),
  );
  const first = witnesses[0] ?? counting.find(({ reading }) => reading.form === 'ids') ?? counting[0];
  const other = witnesses.find(({ roles }) => roles.join() !== first?.roles.join());
  if (first && other) throw disagreement(first, other);
  return first ?? null;
}

/** Roles of some positions among all; nothing says that the others are padding. */
function spreadOut(roles: string, held: readonly number[], size: number): string {
  return Array.from({ length: size }, (_, position) => roles[held.indexOf(position)] ?? 'r').join('');
}

function disagreement(one: Told, other: Told): NanoscopeError {
  const sample = one.roles.findIndex((roles, i) => roles !== other.roles[i]);
  const [a, b] = [one, other].map(({ reading, roles }) => {
    const own = roles[sample] ?? '';
    const pads = formatRanges(own.length, (position) => own[position] === 'p');
    return `"${reading.input}" (${meaningOf(reading)}) ${pads === '' ? 'has none' : `at ${pads}`}`;
  });
  return new NanoscopeError(
    'mask-ambiguous',
    `Two masks disagree about the padding of sample ${String(sample)}: ${a ?? ''}, ${b ?? ''}.`,
    `Say which one counts and what it means: --mask ${one.reading.input}[:inverted] or --mask ${other.reading.input}[:inverted].`,
  );
}

function realIn({ form, real, padId, offValues }: MaskReading): (value: number) => boolean {
  switch (form) {
    case 'additive':
      return (value) => !(value < maskedBelow);
    case 'ids':
      return (value) => value !== padId;
    case 'flag':
      return (value) =>
        value === 0 || value === 1 || !offValues ? (value !== 0 ? 1 : 0) === real : !offValues.has(value);
  }
}

function meaningOf({ form, real, padId }: MaskReading): string {
  if (form === 'additive') return '0 = real, −∞ = pad';
  return form === 'ids' ? `id ${String(padId ?? 0)} = pad` : `${String(real)} = real`;
}
