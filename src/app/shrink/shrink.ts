/** The smallest model and batch that still show the same birth: for a bug report that others can run in a second. */
import { NanoscopeError } from '../../core/errors';
import { isBuiltin } from '../../core/models/index';
import { writeNpz } from '../../core/batch/npz';
import { Graph } from '../../core/onnx/graph';
import { onnxTypeNamed } from '../../core/onnx/tensors';
import type { Origin, Report } from '../../core/report';
import { cutModel } from '../../core/shrink/cut';
import { fewest } from '../../core/shrink/fewer';
import { oneHead } from '../../core/shrink/heads';
import { outermostNode, recordIn } from '../../core/trace/evidence';
import { sliceInputs } from '../../core/shrink/slice';
import type { Kept } from '../../core/shrink/slice';
import type { TensorData } from '../../core/tensor';
import type { Diagnosis } from '../diagnose';
import { runDiagnosis } from '../diagnose';
import type { EngineJob } from '../ports';
import type { Subject } from '../subject';
import { inputSpecs } from '../subject';
import type { DiagnoseDeps, DiagnoseEvents, DiagnoseRequest, FileAccess } from '../useCases';
import { smallerOptions } from './builtin';

export interface Shrunk {
  readonly subject: Subject;
  readonly inputs: Readonly<Record<string, TensorData>>;
  /** Of the small model on the small batch. */
  readonly report: Report;
  readonly origin: Origin;
  /** The full model on the full batch. */
  readonly before: Report;
  readonly nodesBefore: number;
  /** Of a built-in model: the smallest options that show it too, all of the model. */
  readonly uri: string | null;
  /** How many heads became one, or why they were kept; half a sentence. */
  readonly heads: { readonly before: number } | { readonly kept: string };
}

/** Runs for one kind of reduction; each takes about as long as a diagnosis of what is left. */
const mostRuns = 40;

/** @throws NanoscopeError `usage` where no NaN is born; what a diagnosis throws */
export async function shrink(
  deps: DiagnoseDeps,
  request: DiagnoseRequest,
  events: DiagnoseEvents,
  signal?: AbortSignal,
): Promise<Shrunk> {
  const job = deps.engine.start(signal);
  try {
    return await new Shrinking(job, deps, request, events).run();
  } finally {
    await job.close();
  }
}

class Shrinking {
  /** What must stay beside the birth's node and mechanism; set by the first diagnosis. */
  private alike = { masks: '', real: false };
  private heads: Shrunk['heads'] = { kept: '' };

  constructor(
    private readonly job: EngineJob,
    private readonly deps: DiagnoseDeps,
    private readonly request: DiagnoseRequest,
    private readonly events: DiagnoseEvents,
  ) {}

  async run(): Promise<Shrunk> {
    const first = await runDiagnosis(this.job, this.deps, { ...this.request, fixes: false }, this.events);
    const [leading] = first.report.origins;
    if (!leading) {
      throw new NanoscopeError(
        'usage',
        'No NaN is born in this batch, so there is nothing to shrink to.',
        'Give the batch that shows the NaN: --inputs, or --lengths and --pad.',
      );
    }
    this.alike = { masks: maskKinds(leading), real: hasReal(first.report, leading) };
    let now = first;
    let origin = leading;
    let uri: string | null = null;
    if (isBuiltin(this.request.model)) {
      this.tell('Trying smaller options');
      const alike = (report: Report): Origin | undefined =>
        report.origins.find(
          ({ mechanism, stage, op }) => mechanism === leading.mechanism && stage === leading.stage && op === leading.op,
        );
      uri = await smallerOptions(this.request.model, async (model) => {
        const tried = await this.attempt(() =>
          runDiagnosis(this.job, this.deps, { ...this.request, model, fixes: false }, {}),
        );
        const found = tried && alike(tried.report);
        if (!tried || !found) return false;
        [now, origin] = [tried, found];
        return true;
      });
    }
    this.tell('Cutting away what the birth does not need');
    now = (await this.cut(now, origin)) ?? now;
    now = await this.fewerHeads(now, origin);
    now = await this.fewerSamples(now, origin);
    now = await this.fewerPositions(now, origin);
    const found = this.same(now.report, origin) ?? origin;
    return {
      subject: now.subject,
      inputs: now.measured.target.inputs,
      report: now.report,
      origin: found,
      before: first.report,
      nodesBefore: first.subject.graph.nodes.length,
      uri,
      heads: this.heads,
    };
  }

  /** The model up to the node of the birth, whose value becomes the output. */
  private async cut({ subject, measured, context }: Diagnosis, origin: Origin): Promise<Diagnosis | null> {
    const { graph } = subject;
    const outer = outermostNode(origin.evidence);
    const node =
      graph.producer.get(origin.tensor) ?? graph.nodes.find(({ name }) => name === origin.node || name === outer);
    // A NaN input is born at no node: what reads it is enough.
    const value = node
      ? node.outputs.includes(origin.tensor)
        ? origin.tensor
        : node.outputs.find((output) => output !== '')
      : graph.consumers.get(origin.tensor)?.[0]?.outputs[0];
    if (value === undefined) return null;
    const proto = cutModel(graph, [value], (name) => {
      const elemType = onnxTypeNamed(context.dtype(name) ?? '');
      const rank = context.shape(name)?.length;
      return elemType === null || rank === undefined ? null : { elemType, rank };
    });
    const loaded = { ...subject.loaded, proto };
    const small = new Graph(proto);
    const next: Subject = { ...subject, file: loaded, loaded, graph: small, inputs: inputSpecs(small) };
    const left = Object.entries(measured.target.inputs).filter(([name]) => small.inputs.includes(name));
    return this.tried(next, Object.fromEntries(left), origin);
  }

  /** One head, where the graph's heads are recognised and the birth is still there without the others. */
  private async fewerHeads(from: Diagnosis, origin: Origin): Promise<Diagnosis> {
    const { subject, measured } = from;
    const proposed = oneHead(subject.graph, (value) => measured.facts.shape(value));
    if ('reason' in proposed) {
      this.heads = { kept: proposed.reason };
      return from;
    }
    this.tell('Leaving heads out');
    const loaded = { ...subject.loaded, proto: proposed.model };
    const graph = new Graph(proposed.model);
    const next: Subject = { ...subject, file: loaded, loaded, graph };
    const tried = await this.tried(next, measured.target.inputs, origin);
    this.heads = tried ? { before: proposed.heads } : { kept: 'without the other heads the birth is not the same' };
    return tried ?? from;
  }

  private async fewerSamples(from: Diagnosis, origin: Origin): Promise<Diagnosis> {
    const { samples } = from.measured.grid;
    if (samples < 2) return from;
    this.tell('Leaving samples out');
    const sick = (this.same(from.report, origin)?.positions ?? []).flatMap((own, i) => (own === '' ? [] : [i]));
    const all = Array.from({ length: samples }, (_, i) => i);
    return this.search(from, origin, sick.length > 0 && sick.length < samples ? [sick, all] : [all], (left) => ({
      samples: left,
      positions: [],
    }));
  }

  private async fewerPositions(start: Diagnosis, origin: Origin): Promise<Diagnosis> {
    let from = start;
    for (const sequence of start.measured.grid.positions.keys()) {
      const length = from.measured.grid.positions[sequence] ?? 1;
      if (length < 2) continue;
      this.tell('Leaving positions out');
      const all = Array.from({ length }, (_, i) => i);
      const { samples } = from.measured.grid;
      from = await this.search(from, origin, [all], (left) => ({
        samples: Array.from({ length: samples }, (_, i) => i),
        positions: Array.from({ length: sequence + 1 }, (_, i) =>
          i === sequence ? left : Array.from({ length: from.measured.grid.positions[i] ?? 1 }, (_p, p) => p),
        ),
      }));
    }
    return from;
  }

  /** @param starts sets to begin with, the smaller first; the last one is everything. */
  private async search(
    from: Diagnosis,
    origin: Origin,
    starts: readonly (readonly number[])[],
    keptOf: (left: readonly number[]) => Kept,
  ): Promise<Diagnosis> {
    const { inputs } = from.measured.target;
    const axes = from.measured.inputAxes;
    let best = from;
    const holds = async (left: readonly number[]): Promise<boolean> => {
      const tried = await this.tried(from.subject, sliceInputs(inputs, axes, keptOf(left)), origin);
      if (tried) best = tried;
      return tried !== null;
    };
    let start = starts.at(-1) ?? [];
    for (const candidate of starts.slice(0, -1)) {
      if (!(await holds(candidate))) continue;
      start = candidate;
      break;
    }
    await fewest(start, holds, mostRuns);
    return best;
  }

  /** The diagnosis where it shows the same birth, else null. */
  private async tried(
    subject: Subject,
    inputs: Readonly<Record<string, TensorData>>,
    origin: Origin,
  ): Promise<Diagnosis | null> {
    const { mask } = this.request;
    const request: DiagnoseRequest = {
      model: this.request.model,
      inputsFile,
      mask: mask !== undefined && subject.graph.inputs.includes(mask.replace(/:inverted$/, '')) ? mask : undefined,
      userLevel: this.request.userLevel,
      fixes: false,
    };
    const deps = { ...this.deps, files: withFile(this.deps.files, inputsFile, writeNpz(inputs)) };
    const found = await this.attempt(() => runDiagnosis(this.job, deps, request, {}, subject));
    return found && this.same(found.report, origin) ? found : null;
  }

  /** A smaller model or batch may be impossible; only an end of the whole job ends the search. */
  private async attempt(run: () => Promise<Diagnosis>): Promise<Diagnosis | null> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof NanoscopeError) || endings.has(error.code)) throw error;
      return null;
    }
  }

  private same(report: Report, wanted: Origin): Origin | undefined {
    const { masks, real } = this.alike;
    return report.origins.find(
      (origin) =>
        origin.mechanism === wanted.mechanism &&
        origin.node === wanted.node &&
        origin.tensor === wanted.tensor &&
        maskKinds(origin) === masks &&
        (!real || hasReal(report, origin)),
    );
  }

  private tell(text: string): void {
    this.events.onProgress?.({ text, fraction: null });
  }
}

const endings: ReadonlySet<string> = new Set(['cancelled', 'timeout', 'out-of-memory', 'engine-crashed', 'internal']);

/** Stands for a file that is only ever in memory. */
const inputsFile = 'inputs.npz';

const withFile = (files: FileAccess, path: string, bytes: Uint8Array): FileAccess => ({
  ...files,
  list: (folder) => (folder === path ? Promise.resolve(null) : files.list(folder)),
  readFile: (file) => (file === path ? Promise.resolve(bytes) : files.readFile(file)),
});

/** What made the −inf of a masked row: "causal padding". A single key may have lost the mask that tells a reader why. */
function maskKinds({ evidence }: Origin): string {
  const { by } = recordIn(evidence.row);
  // `both` is counted in the two others as well.
  const kinds = Object.entries(recordIn(by)).filter(
    ([kind, count]) => kind !== 'both' && typeof count === 'number' && count > 0,
  );
  return kinds
    .map(([kind]) => kind)
    .sort()
    .join(' ');
}

/** Samples with the birth hold real tokens too: without any, nobody sees what the NaN has to do with padding. */
const hasReal = ({ batch }: Report, { positions }: Origin): boolean =>
  batch.roles.some((roles, sample) => (positions?.[sample] ?? '') !== '' && roles.includes('r'));
