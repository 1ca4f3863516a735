/** Compares candidates for the probe operation. Prints one line per candidate. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exposed, probed, surveyed } from './support/probes';
import { pairs, peakMemory } from './support/measure';
import { encode, transformer } from './support/transformer';
import type { Bench, Subject } from './support/measure';
import type { Probed, ProbeOptions } from './support/probes';
import type { TransformerOptions } from './support/transformer';

const megabytes = (bytes: number): string => String(Math.round(bytes / 2 ** 20));

async function main(workerPath: string): Promise<void> {
  const opset = process.env.BENCH_OPSET === '18' ? 18 : 17;
  const norm = process.env.BENCH_NORM === 'decomposed' ? 'decomposed' : 'fused';
  const nan = process.env.BENCH_NAN !== '0';
  const count = Number(process.env.BENCH_PAIRS ?? 9);
  const threads = process.env.BENCH_THREADS ? Number(process.env.BENCH_THREADS) : undefined;
  const prepack = process.env.BENCH_PREPACK === '1';
  const only = process.env.BENCH_ONLY;
  const options: TransformerOptions = {
    layers: 12,
    hidden: 512,
    heads: 8,
    lengths: nan ? [30, 64, 100, 120] : [128, 128, 128, 128],
    positions: 128,
    opset,
    norm,
  };
  const folder = await mkdtemp(join(tmpdir(), 'nanoscope-bench-'));
  try {
    const subject = transformer(options);
    await writeFile(join(folder, 'weights.bin'), subject.weights);
    const bench: Bench = {
      workerPath,
      feeds: subject.feeds,
      session: { level: 'disabled', prepack, externalDataFolder: folder, threads },
    };
    const plain: Subject = { model: encode(subject.model), fetch: [] };
    const floats = subject.sites.length;
    const boundary = subject.sites.filter((site) => site.boundary).length;
    console.log(JSON.stringify({ opset, norm, nan, count, threads, prepack, every: floats, boundary }));
    const plainPeak = await peakMemory(bench, plain);
    console.log(`plain peak ${megabytes(plainPeak.anonymous)} MB`);
    const show = async (name: string, made: Probed, scan = false): Promise<void> => {
      if (only && !new RegExp(only).test(name)) return;
      const candidate: Subject = scan
        ? { model: encode(made.model), fetch: [], scan: made.outputs }
        : { model: encode(made.model), fetch: made.outputs };
      const time = await pairs(bench, plain, candidate, count);
      const peak = await peakMemory(bench, candidate);
      console.log(
        name.padEnd(58),
        `wall ${time.ratio.toFixed(3)} cpu ${time.cpuRatio.toFixed(3)}`,
        `(${time.subjectMs.toFixed(0)} / ${time.plainMs.toFixed(0)} ms)`,
        `peak ×${(peak.anonymous / plainPeak.anonymous).toFixed(2)} (${megabytes(peak.anonymous)} MB)`,
        `create ${time.createMs.toFixed(0)} ms`,
      );
    };
    const candidates: readonly (readonly [string, Omit<ProbeOptions, 'sites'>])[] = [
      ['ReduceSum', { ops: ['ReduceSum'], order: 'reverse' }],
      ['ReduceSum two steps', { ops: ['ReduceSum'], order: 'reverse', steps: 'two' }],
      ['ReduceSum forward', { ops: ['ReduceSum'], order: 'forward' }],
      ['ReduceSumSquare', { ops: ['ReduceSumSquare'], order: 'reverse' }],
      ['ReduceSumSquare two steps', { ops: ['ReduceSumSquare'], order: 'reverse', steps: 'two' }],
      ['ReduceL1', { ops: ['ReduceL1'], order: 'reverse' }],
      ['ReduceL1 two steps', { ops: ['ReduceL1'], order: 'reverse', steps: 'two' }],
      ['ReduceL2', { ops: ['ReduceL2'], order: 'reverse' }],
      ['ReduceL2 two steps', { ops: ['ReduceL2'], order: 'reverse', steps: 'two' }],
      ['Sum+Max+Min', { ops: ['ReduceSum', 'ReduceMax', 'ReduceMin'], order: 'reverse' }],
      ['Sum+Max+Min two steps', { ops: ['ReduceSum', 'ReduceMax', 'ReduceMin'], order: 'reverse', steps: 'two' }],
      ['Sum+SumSquare two steps', { ops: ['ReduceSum', 'ReduceSumSquare'], order: 'reverse', steps: 'two' }],
    ];
    await show('plain against itself', { model: subject.model, outputs: [] });
    for (const sites of ['boundary', 'every'] as const) {
      for (const [name, rest] of candidates)
        await show(`${sites}: ${name}`, probed(subject, opset, { sites, ...rest }));
    }
    await show('survey: Shape on every tensor, reverse', surveyed(subject, 'reverse'));
    await show('survey: Shape on every tensor, forward', surveyed(subject, 'forward'));
    await show('boundary: all outputs, fetched and scanned', exposed(subject, 'boundary'), true);
    await show('every: all outputs, fetched and scanned', exposed(subject, 'every'), true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

void main(process.argv[2] ?? '');
