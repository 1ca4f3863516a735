/** Applied and undone, a folder is byte for byte what it was: random models, external data, big weights. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataLocation, TensorProto_DataType, TensorProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyInPlace } from '../../../src/app/apply/applyInPlace';
import { applyToCopy } from '../../../src/app/apply/applyToCopy';
import { undo } from '../../../src/app/apply/undo';
import { runDiagnosis } from '../../../src/app/diagnose';
import { applyFix } from '../../../src/app/fixes';
import type { EngineJob } from '../../../src/app/ports';
import { edited } from '../../../src/app/verify/edited';
import { writeNpz } from '../../../src/core/batch/npz';
import { fixes } from '../../../src/core/fix/index';
import { NanoscopeError } from '../../../src/core/errors';
import { modelPropEdit } from '../../../src/core/onnx/edit';
import type { GraphEdit } from '../../../src/core/onnx/edit';
import { engineLevels } from '../../../src/core/report';
import type { EngineLevel } from '../../../src/core/report';
import { nodeFiles as files } from '../../../src/runtime/files/nodeFiles';
import { fixture, realDeps } from '../../support/diagnosing';
import { randomGraph } from '../../support/randomGraphs/generate';
import { contents } from '../../unit/apply/support';
import { distinct, floats, writeExternal } from '../../unit/onnx/support';

let base = '';
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'nanoscope-folders-'));
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});

const folderFor = (name: string): string => {
  const folder = join(base, name);
  mkdirSync(folder);
  return folder;
};

describe('200 random models', () => {
  let job: EngineJob | null = null;
  const engine = async (): Promise<EngineJob> => (job ??= (await realDeps()).engine.start());
  async function ended(): Promise<void> {
    await job?.close();
    job = null;
  }
  afterAll(ended);

  it('a copy and a change in place, taken back, leave nothing behind', async () => {
    const deps = await realDeps();
    const applied = new Map<string, number>();
    let leftOut = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      if (seed % 50 === 1) await ended();
      const graph = randomGraph(seed);
      const folder = folderFor(`seed ${String(seed)}`);
      const model = join(folder, 'model.onnx');
      writeFileSync(model, toBinary(ModelProtoSchema, graph.model));
      const inputsFile = join(folder, 'inputs.npz');
      writeFileSync(inputsFile, writeNpz(graph.feeds));
      const before = contents(folder);
      const identity = await files.identity(model);
      const { subject, context } = await runDiagnosis(
        await engine(),
        deps,
        { model, inputsFile, mask: graph.mask, userLevel: 'disabled', fixes: false },
        {},
      );
      // Another fix first in each model, so that all of them get their turn.
      const order = fixes.map((_, i) => fixes[(i + seed) % fixes.length]);
      let fixId = 'none';
      let edits: readonly GraphEdit[] = [modelPropEdit(subject.file.proto, 'note', String(seed))];
      for (const fix of order) {
        const plan = fix?.plan(context);
        if (!fix || !plan?.applies) continue;
        fixId = fix.id;
        edits = plan.edits;
        break;
      }
      applied.set(fixId, (applied.get(fixId) ?? 0) + 1);
      const loaded = subject.file;
      const proto = edited(loaded.proto, edits);
      const common = { loaded, proto, fixId, edits: edits.length, version: '1' };
      for (const weights of ['inside', 'copy'] as const) {
        const copy = await applyToCopy(files, { ...common, weights });
        expect(await loads(copy.file, 'basic')).toBe(true);
        await undo({ files }, copy.file);
        expect(contents(folder), `copy, seed ${String(seed)}`).toEqual(before);
      }
      const able: EngineLevel[] = [];
      for (const level of engineLevels) if (await loads(model, level)) able.push(level);
      leftOut += engineLevels.length - able.length;
      await applyInPlace(files, { ...common, identity });
      for (const level of able) expect(await loads(model, level), `${level}, seed ${String(seed)}`).toBe(true);
      expect(contents(folder)).not.toEqual(before);
      await undo({ files }, model);
      expect(contents(folder), `in place, seed ${String(seed)}`).toEqual(before);
      rmSync(folder, { recursive: true });
    }
    expect([...applied.values()].reduce((sum, count) => sum + count, 0)).toBe(200);
    // Not the same fix all the time, and a real one mostly.
    expect(applied.size).toBeGreaterThan(4);
    expect(applied.get('none') ?? 0).toBeLessThan(100);
    // Levels at which the engine refuses the model as it was: its own fusions stumble over some.
    expect(leftOut).toBeLessThan(20);
  }, 600_000);

  /** Whether the engine takes the model: its own fusions refuse some of these graphs, and crash it on others. */
  async function loads(path: string, level: EngineLevel): Promise<boolean> {
    const job = await engine();
    try {
      const { id } = await job.createSession(readFileSync(path), { level, prepack: false });
      await job.release(id);
      return true;
    } catch (error) {
      if (!(error instanceof NanoscopeError) || !/^engine-(failed|crashed)$/.test(error.code)) throw error;
      if (error.code === 'engine-crashed') await ended();
      return false;
    }
  }
});

describe('a real export', () => {
  const name = 'a1_mla_leftpad_inf_add_op13';
  const model = (): ModelProto => fromBinary(ModelProtoSchema, readFileSync(fixture(`${name}.onnx`)));
  const inputsFile = fixture(`${name}.inputs.npz`);
  const request = { inputsFile, userLevel: 'disabled', fixes: false, fixId: 'unmask-rows' } as const;

  async function thereAndBack(folder: string, path: string): Promise<void> {
    const deps = await realDeps();
    const before = contents(folder);
    for (const weights of [undefined, 'reference', 'copy'] as const) {
      const { file } = await applyFix(deps, { ...request, model: path, weights }, {});
      expect((await runDiagnosisOf(file)).origins).toEqual([]);
      await expect(applyFix(deps, { ...request, model: file }, {})).rejects.toMatchObject({
        code: 'fix-declined',
        message: /holds the fix unmask-rows already/,
      });
      await undo({ files }, file);
      expect(contents(folder)).toEqual(before);
    }
    const { file, backup } = await applyFix(deps, { ...request, model: path, inPlace: true }, {});
    expect([file, backup]).toEqual([path, `${path}.nanoscope-backup`]);
    expect((await runDiagnosisOf(path)).origins).toEqual([]);
    for (const inPlace of [true, false])
      await expect(applyFix(deps, { ...request, model: path, inPlace }, {})).rejects.toMatchObject({
        code: 'fix-declined',
        message: /holds the fix unmask-rows already/,
      });
    await undo({ files }, path);
    expect(contents(folder)).toEqual(before);
    expect((await runDiagnosisOf(path)).origins.length).toBeGreaterThan(0);
  }

  async function runDiagnosisOf(path: string) {
    const deps = await realDeps();
    const job = deps.engine.start();
    try {
      return (await runDiagnosis(job, deps, { ...request, model: path }, {})).report;
    } finally {
      await job.close();
    }
  }

  it('with external data', async () => {
    const folder = folderFor('external');
    await thereAndBack(folder, writeExternal(folder, 'model.onnx', model()));
  }, 120_000);

  it('with more than 2 GB of external data: the weights stay where they are', async () => {
    const folder = folderFor('huge');
    const proto = model();
    const path = writeExternal(folder, 'model.onnx', proto);
    const huge = join(folder, 'huge.data');
    // A file with a hole: on the disk it takes nothing, and everyone who reads it sees zeros.
    const bytes = 2.25 * 2 ** 30;
    writeFileSync(huge, '');
    truncateSync(huge, bytes);
    const external = fromBinary(ModelProtoSchema, readFileSync(path));
    external.graph?.initializer.push(
      create(TensorProtoSchema, {
        name: 'ballast',
        dataType: TensorProto_DataType.FLOAT,
        dims: [BigInt(bytes / 4)],
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: [
          { key: 'location', value: 'huge.data' },
          { key: 'length', value: String(bytes) },
        ],
      }),
    );
    writeFileSync(path, toBinary(ModelProtoSchema, external));
    const before = [readFileSync(path), await files.identity(huge), readdirSync(folder)];
    const now = async (): Promise<unknown> => [readFileSync(path), await files.identity(huge), readdirSync(folder)];
    const deps = await realDeps();

    const copy = await applyFix(deps, { ...request, model: path }, {});
    expect(copy.weights).toBe('referenced');
    expect(readdirSync(folder).sort()).toEqual(
      ['huge.data', 'model.fixed.onnx', 'model.onnx', 'model.onnx.data'].sort(),
    );
    expect(statSync(copy.file).size).toBeLessThan(2 ** 20);
    expect((await runDiagnosisOf(copy.file)).origins).toEqual([]);
    await undo({ files }, copy.file);
    expect(await now()).toEqual(before);

    await applyFix(deps, { ...request, model: path, inPlace: true }, {});
    expect(await files.identity(huge)).toBe(before[1]);
    expect((await runDiagnosisOf(path)).origins).toEqual([]);
    await undo({ files }, path);
    expect(await now()).toEqual(before);
  }, 300_000);

  it('with big weights inside', async () => {
    const folder = folderFor('big');
    const proto = model();
    const ballast = distinct(4 * 1024 * 1024, 3);
    proto.graph?.initializer.unshift(create(TensorProtoSchema, floats('ballast', ballast)));
    const path = join(folder, 'model.onnx');
    writeFileSync(path, toBinary(ModelProtoSchema, proto));
    await thereAndBack(folder, path);
  }, 120_000);
});
