/**
 * What it costs to look: the product's own probes on 12 layers, hidden 512, 4 × 128, against the plain run at the
 * same level and threads. Run time only; medians of alternating pairs. The limits are held against processor time
 * with one thread, which other programs on the machine do not disturb; wall time stands beside it.
 */
import { extended, isFloat, probed } from '../../src/core/probe/instrument';
import { placesInTable } from '../../src/core/trace/sites';
import { findings } from '../../src/app/measure/findings';
import { encode, encodePlain } from '../../src/app/measure/facts';
import { prepare } from '../../src/app/measure/measure';
import { planOf, screen } from '../../src/app/measure/screen';
import { axesOfInputs } from '../../src/app/subject';
import { createEngine } from '../../src/runtime/client/engine';
import { inTemporaryFolder, onDisk } from './support/files';
import { Limits } from './support/limits';
import { median, pairs, peakMemory } from './support/measure';
import type { EngineJob } from '../../src/app/ports';
import type { Prepared } from '../../src/app/measure/measure';
import type { Bench, Subject } from './support/measure';
import type { OnDisk } from './support/files';
import { measuring } from '../../src/app/measure/sessions';

const PAIRS = Number(process.env.BENCH_PAIRS ?? 9);
const MB = 2 ** 20;

async function main(workerPath: string): Promise<void> {
  const limits = new Limits();
  await measure(workerPath, limits, 'no padding, no NaN', [128, 128, 128, 128]);
  await measure(workerPath, limits, 'left padded, all NaN after layer 0', [30, 64, 100, 120]);
  process.exitCode = limits.exitCode;
}

async function measure(workerPath: string, limits: Limits, title: string, lengths: readonly number[]): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const disk = await onDisk(folder, {
      layers: 12,
      hidden: 512,
      heads: 8,
      lengths,
      positions: 128,
      opset: 17,
      norm: 'fused',
    });
    const target = {
      graph: disk.subject.graph,
      inputs: disk.made.feeds,
      externalDataFolder: disk.subject.loaded.externalDataFolder,
    };
    const session = { ...measuring(target), threads: 1 };
    const bench: Bench = { workerPath, feeds: disk.made.feeds, session };
    const job = createEngine({ workerPath }).start();
    const prepared = await prepare(job, target, axesOfInputs(disk.subject, { inputs: target.inputs }));
    await job.close();
    const all = target.graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));
    const boundaries = disk.made.sites.filter((site) => site.boundary).map((site) => site.tensor);
    const plain: Subject = { model: encodePlain(target.graph.model), fetch: [] };
    const [atBoundaries, atAll] = [subjectOf(prepared, boundaries), subjectOf(prepared, all)];

    console.log(`${title}: ${String(atBoundaries.fetch.length)} boundaries, ${String(atAll.fetch.length)} tensors`);
    const boundary = await pairs(bench, plain, atBoundaries, PAIRS);
    limits.atMost('sublayer boundaries, processor time / plain', boundary.cpuRatio, 1.15);
    limits.note('sublayer boundaries, wall time / plain', boundary.ratio);
    const plan = planOf(prepared);
    const told = subjectOf(prepared, plan.values, plan.everything);
    console.log(`  the screen probes ${String(told.fetch.length)} and tells the others from them`);
    const known = await pairs(bench, plain, told, PAIRS);
    limits.atMost('every node known by the screen, processor time / plain', known.cpuRatio, 1.35);
    limits.note('every node known by the screen, wall time / plain', known.ratio);
    const every = await pairs(bench, plain, atAll, PAIRS);
    limits.atMost('every node, processor time / plain', every.cpuRatio, 1.35);
    limits.note('every node, wall time / plain', every.ratio);

    const floats = all.filter((value) => isFloat(prepared.facts.values.get(value)?.dtype ?? ''));
    const fetched: Subject = {
      model: encodePlain(extended(target.graph.model, { outputs: floats })),
      fetch: floats,
      scanHere: true,
    };
    const scanning = await pairs(bench, plain, fetched, Math.min(PAIRS, 3));
    limits.note('fetching and scanning all, processor time / plain', scanning.cpuRatio);
    limits.atLeast('fetching and scanning all / every node', scanning.cpuRatio / every.cpuRatio, 3);

    const base = await peakMemory(bench, plain);
    const most = await peakMemory(bench, atAll);
    const screened = await peakMemory(bench, told);
    limits.note('plain, peak of resident memory', base.resident / MB, ' MB');
    limits.atMost('every node, peak of resident memory / plain', most.resident / base.resident, 1.1);
    limits.note('plain, peak of anonymous memory', base.anonymous / MB, ' MB');
    limits.note('every node, peak of anonymous memory / plain', most.anonymous / base.anonymous);
    limits.atMost('every node known by the screen, resident / plain', screened.resident / base.resident, 1.1);
    limits.atMost('every node known by the screen, anonymous / plain', screened.anonymous / base.anonymous, 1.1);
    const focused = await withFocus(workerPath, disk, prepared, plain, bench);
    limits.atMost('screen and focused runs, run time / plain', focused, 1.35);
  });
}

function subjectOf(prepared: Prepared, values: readonly string[], exact = false): Subject {
  const { graph } = prepared.target;
  const made = probed(graph, values, prepared.axes, prepared.facts.values, { exact });
  return { model: encode(made.model, prepared.target), fetch: made.probes.map((probe) => probe.output) };
}

/** All that the product runs until it knows the origins, over one plain run; sums of the engine's own run times. */
async function withFocus(
  workerPath: string,
  disk: OnDisk,
  prepared: Prepared,
  plain: Subject,
  bench: Bench,
): Promise<number> {
  const job = createEngine({ workerPath }).start();
  let spent = 0;
  const metered: EngineJob = {
    version: () => job.version(),
    createSession: (model, options) => job.createSession(model, { ...options, threads: 1 }),
    run: async (request) => {
      const result = await job.run(request);
      spent += result.runMs;
      return result;
    },
    release: (session) => job.release(session),
    drop: (handles) => job.drop(handles),
    peakMemory: () => job.peakMemory(),
    ended: () => job.ended(),
    close: () => job.close(),
  };
  try {
    const session = await job.createSession(plain.model, bench.session);
    const roles = [disk.made.lengths.map((length) => 'p'.repeat(disk.made.positions - length) + 'r'.repeat(length))];
    const ratios: number[] = [];
    for (let i = 0; i < Math.min(PAIRS, 5); i++) {
      const { runMs } = await job.run({ session: session.id, feeds: bench.feeds, fetch: [] });
      spent = 0;
      const measured = await screen(metered, prepared);
      const found = await findings(metered, measured, roles, placesInTable(measured.target.graph, []));
      if (i === 0) {
        console.log(`  origins: ${found.origins.map((origin) => origin.node ?? 'input').join(', ') || 'none'}`);
      }
      ratios.push(spent / runMs);
    }
    return median(ratios);
  } finally {
    await job.close();
  }
}

void main(process.argv[2] ?? '');
