/** Who is padding: asked of the graph, by flipping one key of the mask input and looking at what the scores see. */
import type { MaskPlane } from '../../core/diagnose/maskPlane';
import { kindOf, marksPadding } from '../../core/batch/layout';
import { allReal, polarityFrom, polarityTrials, rolesFromMask, seenBy, trialMask } from '../../core/batch/roles';
import type { Batch, InputSpec } from '../../core/batch/types';
import type { MaskStep } from '../../core/diagnose/attentionSites';
import { NanoscopeError } from '../../core/errors';
import type { TensorAxes } from '../../core/onnx/axes/types';
import { batchPlace, positionPlace } from '../../core/onnx/axes/types';
import type { Graph } from '../../core/onnx/graph';
import { extract } from '../../core/probe/instrument';
import type { EngineJob } from '../ports';
import { encode, feedsOf, measuring } from './facts';
import type { Prepared } from './measure';
import { maskInspections } from './measure';

/** A mask input and which element of it marks a real token. */
export interface MaskReading {
  readonly input: string;
  readonly sequence: number;
  readonly real: 0 | 1;
  /** `path`: seen in what the scores do; `name`: by convention only; `asked`: the person said so. */
  readonly by: 'path' | 'name' | 'asked';
}

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
 * Mask inputs of the graph and their polarity.
 * @param asked what the person said; wins over everything.
 */
export async function readMasks(
  job: EngineJob,
  prepared: Prepared,
  specs: readonly InputSpec[],
  asked: { input: string; inverted: boolean } | null,
): Promise<MaskReading[]> {
  const { target, inputAxes } = prepared;
  const { graph } = target;
  const sequenceOf = (name: string): number => positionPlace(inputAxes.get(name) ?? [])?.factor.sequence ?? 0;
  const readings: MaskReading[] = [];
  if (asked)
    readings.push({ input: asked.input, sequence: sequenceOf(asked.input), real: asked.inverted ? 0 : 1, by: 'asked' });
  const steps = prepared.sites.flatMap((site) => site.masks);
  const candidates = specs.filter((spec) => {
    const own = inputAxes.get(spec.name);
    return (
      own?.length === 2 &&
      positionPlace(own) !== null &&
      !readings.some((known) => known.sequence === sequenceOf(spec.name))
    );
  });
  // Masks first: ids reach the scores too when the model makes its mask from them.
  const ordered = [...candidates].sort((a, b) => Number(kindOf(b) === 'mask') - Number(kindOf(a) === 'mask'));
  for (const spec of ordered) {
    if (readings.some((known) => known.sequence === sequenceOf(spec.name))) continue;
    const reached = steps.filter((step) => dependsOn(graph, step.mask).has(spec.name));
    const real = reached.length === 0 ? null : await tryPolarity(job, prepared, spec.name, reached);
    if (real !== null) readings.push({ input: spec.name, sequence: sequenceOf(spec.name), real, by: 'path' });
    else if (kindOf(spec) === 'mask') {
      readings.push({
        input: spec.name,
        sequence: sequenceOf(spec.name),
        real: marksPadding(spec.name) ? 0 : 1,
        by: 'name',
      });
    }
  }
  return readings;
}

/** Graph inputs whose *elements* a value depends on; a shape that was taken of one does not count. */
function dependsOn(graph: Graph, value: string): Set<string> {
  const inputs = new Set(graph.inputs);
  const found = new Set<string>();
  const seen = new Set<string>([value]);
  const queue = [value];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (inputs.has(next)) found.add(next);
    const node = graph.producer.get(next);
    if (!node || node.op === 'Shape' || node.op === 'Size') continue;
    for (const input of [...node.inputs, ...node.captured]) {
      if (input === '' || seen.has(input)) continue;
      seen.add(input);
      queue.push(input);
    }
  }
  return found;
}

async function tryPolarity(
  job: EngineJob,
  { target, inputAxes, axes, facts, sites }: Prepared,
  input: string,
  steps: readonly MaskStep[],
): Promise<0 | 1 | null> {
  const { graph } = target;
  const mask = target.inputs[input];
  const place = positionPlace(inputAxes.get(input) ?? []);
  const step = steps[0];
  if (!mask || !place || !step) return null;
  const site = sites.find((entry) => entry.masks.includes(step));
  const wanted = maskInspections(site ? [site] : [], axes, facts, (value) => graph.constant(value)?.data[0]);
  const values = [...new Set(wanted.map((entry) => entry.inspection.tensors[0] ?? ''))];
  if (values.length === 0) return null;
  const part = extract(graph, values);
  const session = await job.createSession(encode(part), measuring(target));
  const feeds = feedsOf(session, target);
  const seen: number[] = [];
  for (const trial of polarityTrials) {
    const run = await job.run({
      session: session.id,
      feeds: { ...feeds, [input]: trialMask(mask, trial, place.axis) },
      fetch: [],
      inspect: wanted.map((entry) => entry.inspection),
    });
    seen.push(seenBy(Object.values(run.inspected) as MaskPlane[]));
  }
  await job.release(session.id);
  return polarityFrom(seen);
}

/** Roles of every sequence: from masks, else from the lengths that the batch was made of, else all real. */
export function rolesOf(
  batch: Batch,
  readings: readonly MaskReading[],
  inputAxes: ReadonlyMap<string, TensorAxes>,
  samples: number,
  positions: readonly number[],
): RolesFound {
  const said: string[] = [];
  const roles = positions.map((size, sequence) => {
    const reading = readings.find((entry) => entry.sequence === sequence);
    const mask = reading ? batch.inputs[reading.input] : undefined;
    const axes = reading ? inputAxes.get(reading.input) : undefined;
    const place = axes ? positionPlace(axes) : null;
    if (reading && mask && axes && place && mask.dims[place.axis] === size) {
      const how = { path: 'by its effect on the scores', name: 'by its name', asked: 'as asked' }[reading.by];
      said.push(`${reading.input} (${String(reading.real)} = real, ${how})`);
      return rolesFromMask(mask, reading.real, { batch: batchPlace(axes)?.axis ?? -1, position: place.axis }, samples);
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
