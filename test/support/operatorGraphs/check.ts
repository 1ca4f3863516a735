/** One graph through the plain engine and through the product, and everything in which they differ. */
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { Diagnosis } from '../../../src/app/diagnose';
import { runDiagnosis } from '../../../src/app/diagnose';
import { planOf, screen } from '../../../src/app/measure/screen';
import type { EngineJob } from '../../../src/app/ports';
import { writeNpz } from '../../../src/core/batch/npz';
import type { TensorData } from '../../../src/core/tensor';
import { elementCount } from '../../../src/core/tensor';
import type { Flags } from '../../../src/core/trace/health';
import { NAN } from '../../../src/core/trace/health';
import { createEngine } from '../../../src/runtime/client/engine';
import { inMemory } from '../randomGraphs/diagnoseMany';
import { workerBundle } from '../workerBundle';
import type { Fed, Layout, OperatorGraph, Where } from './build';
import { layoutOf, positions, samples } from './build';
import { bitEqual, isNaNAt, plainRun } from './plain';

type Feeds = OperatorGraph['feeds'];
const floatTypes: ReadonlySet<string> = new Set(['float32', 'float64', 'float16']);

/** One child process for many graphs. */
export async function startChecker(): Promise<Checker> {
  const job = createEngine({ workerPath: await workerBundle(), options: { timeoutMs: 300_000 } }).start();
  return new Checker(job);
}

export class Checker {
  constructor(private readonly job: EngineJob) {}

  close(): Promise<void> {
    return this.job.close();
  }

  /** @returns a line for each difference, none when all is well. */
  async check(
    graph: OperatorGraph,
    how: 'against a plain run' | 'product only' = 'against a plain run',
  ): Promise<string[]> {
    if (how === 'product only') {
      const problems: string[] = [];
      await this.diagnose(graph, graph.feeds, new Map(), problems);
      return problems;
    }
    const problems = await this.checkHealthy(graph);
    for (const [name, fed] of Object.entries(graph.feeds)) {
      if (floatTypes.has(fed.dtype) && fed.data.length > 0)
        problems.push(...(await this.checkWithNaN(graph, name, fed)));
    }
    return problems;
  }

  private async checkHealthy(graph: OperatorGraph): Promise<string[]> {
    const problems: string[] = [];
    const plain = await plainRun(graph, graph.feeds);
    const { report } = await this.diagnose(graph, graph.feeds, plain, problems);
    for (const origin of report.origins)
      problems.push(`healthy, but ${origin.mechanism} at ${origin.node ?? origin.tensor}`);
    if (report.observer?.outputsBitEqual !== true) problems.push('the observer saw a difference');
    if (report.observer?.userLevel?.sameNanPositions === false) problems.push('another level, other NaN');
    return problems;
  }

  private async checkWithNaN(graph: OperatorGraph, name: string, fed: Fed): Promise<string[]> {
    const problems: string[] = [];
    const at = place(fed);
    const feeds: Feeds = { ...graph.feeds, [name]: { ...planted(fed, at.index) } };
    const everything = await plainRun(graph, feeds, true);
    const probed = new Map<string, TensorData>();
    const { report, measured } = await this.diagnose(
      graph,
      feeds,
      graph.undefinedWithNaN ? new Map() : await plainRun(graph, feeds),
      problems,
    );
    const told = await screen(this.job, measured, planOf(measured, 0));
    const untold = new Set<string>();
    const constants = new Set([
      ...(graph.model.graph?.initializer ?? []).map((tensor) => tensor.name),
      ...(graph.model.graph?.node.filter((node) => node.opType === 'Constant').flatMap((node) => node.output) ?? []),
    ]);
    // What the engine does not define is compared with itself.
    for (const [value, tensor] of graph.undefinedWithNaN ? probed : everything) {
      if (!floatTypes.has(tensor.dtype)) continue;
      const flags = measured.flagsOf(value);
      // A constant is known without a look; only weights are searched for NaN.
      if (flags === null && constants.has(value)) continue;
      const given = graph.layouts[value] ?? graph.feeds[value]?.layout;
      const problem = differs(flags, tensor, meaningOf(tensor.dims, given, graph.past), graph.past + positions);
      if (problem === 'untold') untold.add(value);
      else if (problem !== null) problems.push(`NaN in ${name}, ${value} [${tensor.dims.join()}]: ${problem}`);
      if (text(told.flagsOf(value)) !== text(flags))
        problems.push(`NaN in ${name}, ${value}: told ${text(told.flagsOf(value))}, probed ${text(flags)}`);
    }
    if ([...untold].sort().join() !== [...graph.untold].sort().join()) {
      problems.push(
        `NaN in ${name}: less is told than the layout of [${[...untold].join()}], expected of [${graph.untold.join()}]`,
      );
    }
    const [first] = report.origins.filter((origin) => origin.mechanism === 'nan-in-input');
    if (first?.tensor !== name) problems.push(`NaN in ${name} is not told as the input's`);
    else if (first.positions !== null && at.layout.includes('b') && /[sp]/.test(at.layout)) {
      if (first.positions.join('|') !== `|${String(at.layout.includes('p') ? 1 : graph.past + 1)}`)
        problems.push(`NaN in ${name} at position 1 of sample 1, told at "${first.positions.join('|')}"`);
    }
    const births = report.origins
      .filter((origin) => origin !== first)
      .map((origin) => `${origin.node ?? ''}: ${origin.mechanism}`);
    if (births.join() !== graph.births.join())
      problems.push(`NaN in ${name}: born at [${births.join()}], expected at [${graph.births.join()}]`);
    return problems;
  }

  /** The whole use case; outputs of its probed run are compared with those of the plain one. */
  private async diagnose(
    graph: OperatorGraph,
    feeds: Feeds,
    plain: ReadonlyMap<string, TensorData>,
    problems: string[],
    probed = new Map<string, TensorData>(),
  ): Promise<Diagnosis> {
    const files = inMemory({ '/model.onnx': toBinary(ModelProtoSchema, graph.model), '/inputs.npz': writeNpz(feeds) });
    const job = tapped(this.job, probed);
    const engine = { start: () => job };
    const request = { model: '/model.onnx', inputsFile: '/inputs.npz', userLevel: 'disabled', fixes: false } as const;
    const found = await runDiagnosis(job, { engine, files }, request, {});
    for (const [name, tensor] of plain) {
      const own = probed.get(name);
      if (!own) problems.push(`output ${name} was not kept by the probed run`);
      else if (!bitEqual(own, tensor)) problems.push(`output ${name} differs from the plain run`);
    }
    return found;
  }
}

/** Copies out what a run keeps in the child: the outputs of the probed run. */
function tapped(job: EngineJob, into: Map<string, TensorData>): EngineJob {
  return {
    version: () => job.version(),
    createSession: (model, options) => job.createSession(model, options),
    run: async (request) => {
      const kept = Object.values(request.keep ?? {});
      const result = await job.run({ ...request, fetch: [...new Set([...request.fetch, ...kept])] });
      for (const name of kept) {
        const tensor = result.tensors[name];
        if (tensor) into.set(name, tensor);
      }
      return result;
    },
    release: (session) => job.release(session),
    drop: (handles) => job.drop(handles),
    peakMemory: () => job.peakMemory(),
    ended: () => job.ended(),
    close: () => Promise.resolve(),
  };
}

/** Sample 1, position 1, where the tensor has them; else 0. */
function place({ dims, layout }: Fed): { readonly index: number; readonly layout: Layout } {
  const letters = layoutOf(dims, layout);
  const index = dims.reduce((sum, size, axis) => sum * size + (letters[axis] === '.' || size === 1 ? 0 : 1), 0);
  return { index, layout: letters };
}

function planted(fed: Fed, index: number): TensorData {
  const data = fed.data.slice();
  data[index] = fed.dtype === 'float16' ? 0x7e00 : NaN;
  return { dtype: fed.dtype, dims: fed.dims, data };
}

/** Samples and positions of every element of a tensor, and whether it has such an axis at all. */
interface Meaning {
  readonly where: Where;
  readonly samples: boolean;
  readonly positions: boolean;
}

function meaningOf(dims: readonly number[], given: Layout | Where | undefined, past: number): Meaning {
  if (typeof given === 'function') return { where: given, samples: true, positions: true };
  const layout = layoutOf(dims, given);
  const axis = (letter: string): number => (dims[layout.indexOf(letter)] === 1 ? -1 : layout.indexOf(letter));
  const counted = ['s', 'p', 'k'].find((letter) => layout.includes(letter)) ?? 's';
  const [b, s] = [axis('b'), axis(counted)];
  const first = counted === 's' ? past : 0;
  const where: Where = (...at) => [at[b] ?? null, at[s] === undefined ? null : first + at[s]];
  return { where, samples: b >= 0, positions: s >= 0 };
}

/** By sample × position; what is nobody's counts for all of its sample's, or for all. */
function nanCells(tensor: TensorData, { where }: Meaning, positions: number): boolean[][] {
  const cells = Array.from({ length: samples }, () => new Array<boolean>(positions).fill(false));
  for (let i = 0; i < elementCount(tensor.dims); i += 1) {
    if (!isNaNAt(tensor, i)) continue;
    const [sample, position] = where(...coordinates(i, tensor.dims));
    for (const [b, row] of cells.entries())
      for (const s of row.keys()) if ((sample ?? b) === b && (position ?? s) === s) row[s] = true;
  }
  return cells;
}

function coordinates(index: number, dims: readonly number[]): number[] {
  const at: number[] = [];
  for (const size of [...dims].reverse()) {
    at.unshift(index % size);
    index = Math.floor(index / size);
  }
  return at;
}

/**
 * `untold`: right as far as it goes, but samples or positions are not told apart.
 * @param positions of the batch, with those of a past.
 */
function differs(flags: Flags | null, tensor: TensorData, meaning: Meaning, positions: number): string | null {
  // Without an element there is nothing to find.
  if (tensor.dims.includes(0))
    return flags?.bits.some((bit) => (bit & NAN) !== 0) === true ? 'NaN in an empty tensor' : null;
  if (flags === null) return 'not measured';
  if (
    (flags.perSample && flags.samples > 1 && !meaning.samples) ||
    (flags.perPosition && flags.positions > 1 && !meaning.positions)
  )
    return `told apart by an axis that it does not have (${text(flags)})`;
  if ((flags.perSample && flags.samples > samples) || (flags.perPosition && flags.positions > positions))
    return 'more cells than there are';
  const truth = nanCells(tensor, meaning, positions);
  for (let sample = 0; sample < samples; sample += 1) {
    for (let position = 0; position < positions; position += 1) {
      const [row, column] = [flags.perSample ? sample : 0, flags.perPosition && flags.positions > 1 ? position : 0];
      const bit = flags.bits[row * flags.positions + column] ?? 0;
      const expected = truth.some(
        (own, b) =>
          (!flags.perSample || b === sample) &&
          own.some((one, s) => one && (!flags.perPosition || flags.positions === 1 || s === position)),
      );
      if (((bit & NAN) !== 0) !== expected)
        return `at ${String(sample)}, ${String(position)} ${expected ? 'no NaN was seen' : 'NaN was seen and is not there'} (${text(flags)})`;
    }
  }
  return (meaning.samples && !flags.perSample) || (meaning.positions && !flags.perPosition) ? 'untold' : null;
}

const text = (flags: Flags | null): string =>
  flags === null
    ? 'nothing'
    : `${flags.perSample ? 'b' : ''}${flags.perPosition ? 's' : ''}:${[...flags.bits].map((bit) => String(bit & NAN)).join('')}`;
