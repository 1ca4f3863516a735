/** A look at births in stages finds what a look at all of them at once finds, and runs no node twice. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { focus } from '../../../src/app/measure/focus';
import { prepare } from '../../../src/app/measure/measure';
import { screen } from '../../../src/app/measure/screen';
import type { EngineJob, RunRequest } from '../../../src/app/ports';
import { axesOfInputs, makeFeeds, openSubject } from '../../../src/app/subject';
import { writeNpz } from '../../../src/core/batch/npz';
import { findNewNaN } from '../../../src/core/diagnose/newNaN';
import { createEngine } from '../../../src/runtime/client/engine';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { fixture } from '../../support/diagnosing';
import { halved } from '../../../src/core/onnx/halve';
import { workerBundle } from '../../support/workerBundle';
import { branch, chosen, constant, model, positive, x } from '../bodies/support';
import { node } from '../../unit/onnx/support';

/** What a job was asked for. */
interface Watched {
  readonly job: EngineJob;
  readonly runs: RunRequest[];
  readonly dropped: string[];
}

function watched(job: EngineJob): Watched {
  const runs: RunRequest[] = [];
  const dropped: string[] = [];
  return {
    runs,
    dropped,
    job: {
      version: () => job.version(),
      createSession: (bytes, options) => job.createSession(bytes, options),
      run: (request) => {
        runs.push(request);
        return job.run(request);
      },
      release: (session) => job.release(session),
      drop: (handles) => {
        dropped.push(...handles);
        return job.drop(handles);
      },
      peakMemory: () => job.peakMemory(),
      ended: () => job.ended(),
      close: () => job.close(),
    },
  };
}

/** Both looks at the births of one model, and what the staged one asked for. */
async function looks(name: string, inputsFile?: string) {
  const job = createEngine({ workerPath: await workerBundle() }).start();
  try {
    const subject = await openSubject(nodeFiles, name);
    const asked =
      inputsFile === undefined ? { lengths: { lengths: [5, 9], pad: 'left', seed: 1 } as const } : { inputsFile };
    const batch = await makeFeeds(nodeFiles, subject, asked, {});
    const { graph, loaded } = subject;
    const target = { graph, inputs: batch.inputs, externalDataFolder: loaded.externalDataFolder };
    const measured = await screen(job, await prepare(job, target, axesOfInputs(subject, batch)));
    const { births } = findNewNaN(measured.target.graph, measured.axes, measured.flagsOf);
    const atOnce = await focus(job, measured, births, Infinity);
    const staged = watched(job);
    return { births, atOnce, inStages: await focus(staged.job, measured, births, 0), ...staged };
  } finally {
    await job.close();
  }
}

async function withModel<T>(
  proto: ModelProto,
  inputs: Parameters<typeof writeNpz>[0],
  use: (model: string, inputsFile: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nanoscope-stages-'));
  try {
    const paths = [join(folder, 'model.onnx'), join(folder, 'inputs.npz')] as const;
    await writeFile(paths[0], toBinary(ModelProtoSchema, proto));
    await writeFile(paths[1], writeNpz(inputs));
    return await use(...paths);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('a look in stages', () => {
  it.each([
    'builtin:kimi-k2-mini?layers=4&attention=eager-where',
    'builtin:llama-mini?layers=3&attention=eager-where',
    'builtin:t5-mini?attention=eager-where',
  ])('%s', async (name) => {
    const { births, atOnce, inStages, runs, dropped } = await looks(name);
    expect(births.length).toBeGreaterThan(1);
    expect(inStages).toEqual(atOnce);
    expect(runs).toHaveLength(births.length);
    const kept = runs.flatMap(({ keep = {} }) => Object.keys(keep));
    // Later stages begin with what earlier ones left; at the end nothing is left in the child.
    expect(runs.slice(1).every(({ feedKept = {} }) => Object.keys(feedKept).length > 0)).toBe(true);
    expect(dropped.sort()).toEqual(kept.sort());
    expect(new Set(kept).size).toBe(kept.length);
  });

  it('of a float16 model', async () => {
    const subject = await openSubject(nodeFiles, 'builtin:kimi-k2-mini?layers=3&attention=eager-where');
    const batch = await makeFeeds(nodeFiles, subject, { lengths: { lengths: [5, 9], pad: 'left', seed: 1 } }, {});
    await withModel(halved(subject.graph.model), batch.inputs, async (name, inputsFile) => {
      const { births, atOnce, inStages, runs } = await looks(name, inputsFile);
      expect(births.length).toBeGreaterThan(1);
      expect(inStages).toEqual(atOnce);
      expect(runs.some(({ feedKept = {} }) => Object.keys(feedKept).length > 0)).toBe(true);
    });
  });

  it('of PyTorch exports', async () => {
    for (const name of [
      'a1_mla_leftpad_inf_add_op13',
      'c1_log_negative_ffn_op13',
      'c7_nan_weight_embedding_row_op13',
    ]) {
      const { births, atOnce, inStages } = await looks(fixture(`${name}.onnx`), fixture(`${name}.inputs.npz`));
      expect(births.length).toBeGreaterThan(0);
      expect(inStages).toEqual(atOnce);
    }
  });

  it('where a body reads what an earlier stage left, and a birth reads a value of long before', async () => {
    const made = model([
      constant('one', 1),
      node('Add', ['x', 'one'], ['early']),
      node('Log', ['x'], ['first']),
      node('IsNaN', ['first'], ['sick']),
      node('Where', ['sick', 'one', 'first'], ['clean']),
      ...chosen(
        'if',
        'branched',
        branch('yes', [node('Add', ['clean', 'early'], ['sum'])], 'sum'),
        branch('no', [node('Sub', ['clean', 'early'], ['gap'])], 'gap'),
      ),
      node('Sub', ['branched', 'early'], ['less']),
      node('Sqrt', ['x'], ['second']),
      node('IsNaN', ['second'], ['sick2']),
      node('Where', ['sick2', 'less', 'second'], ['clean2']),
      constant('zero', 0),
      node('Mul', ['clean2', 'zero'], ['nothing']),
      node('Div', ['nothing', 'zero'], ['y']),
    ]);
    await withModel(made, { x }, async (name, inputsFile) => {
      const { births, atOnce, inStages } = await looks(name, inputsFile);
      expect(births.map(({ value }) => value)).toEqual(['first', 'second', 'y']);
      expect(inStages).toEqual(atOnce);
      expect(inStages[2]?.operands?.groups[0]?.inputs).toEqual([0, 0]);
    });
    await withModel(made, { x: positive }, async (name, inputsFile) => {
      const { births, atOnce, inStages } = await looks(name, inputsFile);
      expect(births).toHaveLength(1);
      expect(inStages).toEqual(atOnce);
    });
  });
});
