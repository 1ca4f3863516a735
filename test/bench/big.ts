/**
 * A model of 1 GB with its weights inside the file: from nothing to the first table, against a plain load of the
 * same file by the engine. Both start a process; neither is helped by the other (the file is in the page cache).
 */
import { spawnSync } from 'node:child_process';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diagnose } from '../../src/app/diagnose';
import { writeModel } from '../../src/core/onnx/save';
import { createEngine } from '../../src/runtime/client/engine';
import { nodeFiles } from '../../src/runtime/files/nodeFiles';
import { inTemporaryFolder, onDisk } from './support/files';
import { Limits } from './support/limits';
import { median } from './support/measure';
import type { ForkingEngine } from '../../src/runtime/client/engine';
import type { Transformer } from './support/transformer';

const MB = 2 ** 20;
const ROUNDS = 3;

async function main(workerPath: string, plainLoader: string): Promise<void> {
  const limits = new Limits();
  await inTemporaryFolder(async (folder) => {
    const { path, inputs } = await writeBig(folder);
    console.log(`one file of ${String(Math.round((await stat(path)).size / 1e6))} MB, medians of ${String(ROUNDS)}`);
    const [loads, loadPeaks, tables, tablePeaks]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let i = 0; i < ROUNDS; i++) {
      const started = performance.now();
      const load = spawnSync(process.execPath, [plainLoader, path], { encoding: 'utf8' });
      loads.push(performance.now() - started);
      loadPeaks.push(Number(load.stdout.split(' ')[0]));
      const table = await firstTable(workerPath, path, inputs);
      tables.push(table.ms);
      tablePeaks.push(table.anonymous);
    }
    limits.note('plain load, time', median(loads), ' ms');
    limits.note('plain load, anonymous memory', median(loadPeaks) / MB, ' MB');
    limits.atMost('first table, time', median(tables), Math.round(median(loads)), ' ms');
    limits.atMost('first table, peak of anonymous memory of the child', median(tablePeaks) / MB, 200, ' MB');
  });
  process.exitCode = limits.exitCode;
}

/** Until the table is known; then the rest of the diagnosis is cancelled. */
async function firstTable(
  workerPath: string,
  model: string,
  inputsFile: string,
): Promise<{ readonly ms: number; readonly anonymous: number }> {
  const controller = new AbortController();
  const engine: ForkingEngine = createEngine({ workerPath });
  let peak: Promise<number | null> = Promise.resolve(null);
  let ms = NaN;
  const started = performance.now();
  let asked: () => Promise<number | null> = () => Promise.resolve(null);
  const watched = {
    start: (signal?: AbortSignal) => {
      const job = engine.start(signal);
      asked = () => job.peakMemory();
      return job;
    },
  };
  await diagnose(
    { engine: watched, files: nodeFiles },
    { model, inputsFile, userLevel: 'all', fixes: false },
    {
      onReport: () => {
        if (!Number.isNaN(ms)) return;
        ms = performance.now() - started;
        peak = asked();
        controller.abort();
      },
    },
    controller.signal,
  ).catch((error: unknown) => {
    if (Number.isNaN(ms)) throw error;
  });
  return { ms, anonymous: (await peak) ?? NaN };
}

async function writeBig(folder: string): Promise<{ path: string; inputs: string }> {
  const { made, subject } = await onDisk(folder, {
    layers: 5,
    hidden: 2048,
    heads: 16,
    lengths: [20, 64],
    positions: 64,
    opset: 17,
    norm: 'fused',
  });
  const path = join(folder, 'big.onnx');
  const plan = await writeModel(subject.loaded, subject.loaded.proto, {
    weights: 'inside',
    out: path,
    files: nodeFiles,
  });
  await nodeFiles.writeAtomic(path, plan.model.chunks);
  await rm(join(folder, 'weights.bin'));
  const inputs = join(folder, 'inputs.json');
  await writeFile(inputs, asJson(made));
  return { path, inputs };
}

/** JSON has no infinities and no bigints; the reader takes words for the ones and numbers for the others. */
const elements = (data: ArrayLike<number | bigint>): (number | string)[] =>
  Array.from(data, (x) => (x === -Infinity ? '-Infinity' : Number(x)));

const asJson = (made: Transformer): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(made.feeds).map(([name, { dtype, dims, data }]) => [
        name,
        { dtype, shape: dims, data: elements(data) },
      ]),
    ),
  );

const [, , workerPath = '', plainLoader = ''] = process.argv;
void main(workerPath, plainLoader);
