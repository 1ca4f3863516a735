/** Diagnoses many small models in one child process, from memory: the product's own use case, engine and report. */
import { basename } from 'node:path';
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { diagnose } from '../../../src/app/diagnose';
import type { Engine, EngineJob } from '../../../src/app/ports';
import type { FileAccess } from '../../../src/app/useCases';
import { writeNpz } from '../../../src/core/batch/npz';
import type { Report } from '../../../src/core/report';
import { createEngine } from '../../../src/runtime/client/engine';
import { workerBundle } from '../workerBundle';
import type { RandomGraph } from './generate';

/** A child serves this many jobs before it is replaced. */
const jobsPerChild = 100;

export interface Diagnoser {
  report(graph: RandomGraph): Promise<Report>;
  close(): Promise<void>;
}

export async function diagnoser(): Promise<Diagnoser> {
  const engine = createEngine({ workerPath: await workerBundle(), options: { timeoutMs: 120_000 } });
  let job: EngineJob | null = null;
  let served = 0;
  const shared: Engine = {
    start: () => {
      job ??= engine.start();
      const own = job;
      return {
        version: () => own.version(),
        createSession: (model, options) => own.createSession(model, options),
        run: (request) => own.run(request),
        release: (session) => own.release(session),
        drop: (handles) => own.drop(handles),
        peakMemory: () => own.peakMemory(),
        ended: () => own.ended(),
        // The child serves the next graph too.
        close: () => Promise.resolve(),
      };
    },
  };
  const end = async (): Promise<void> => {
    await job?.close();
    job = null;
    served = 0;
  };
  return {
    async report(graph) {
      served += 1;
      if (served > jobsPerChild) await end();
      const files = inMemory({
        '/model.onnx': toBinary(ModelProtoSchema, graph.model),
        '/inputs.npz': writeNpz(graph.feeds),
      });
      try {
        return await diagnose(
          { engine: shared, files },
          { model: '/model.onnx', inputsFile: '/inputs.npz', userLevel: 'disabled', fixes: false, mask: graph.mask },
          {},
        );
      } catch (error) {
        await end();
        throw error;
      }
    },
    close: end,
  };
}

export function inMemory(contents: Readonly<Record<string, Uint8Array>>): FileAccess {
  const read = (path: string): Uint8Array => contents[path] ?? new Uint8Array();
  const refuse = (): Promise<never> => Promise.reject(new Error('nothing is written here'));
  return {
    open: (path) => {
      const bytes = read(path);
      return Promise.resolve({
        size: bytes.length,
        read: (offset: number, length: number) => Promise.resolve(bytes.slice(offset, offset + length)),
        close: () => Promise.resolve(),
      });
    },
    readFile: (path) => Promise.resolve(read(path)),
    list: () => Promise.resolve(null),
    exists: (path) => Promise.resolve(Object.hasOwn(contents, path)),
    realPath: (path) => Promise.resolve(path),
    writeAtomic: refuse,
    stage: refuse,
    keepAs: refuse,
    replaceBy: refuse,
    identity: (path) => Promise.resolve(path),
    isWritable: () => Promise.resolve(false),
    exclusively: refuse,
    removeLeftovers: refuse,
    makeFolder: refuse,
    remove: refuse,
    sha256: () => {
      const hash = createHash('sha256');
      return { update: (chunk) => void hash.update(chunk), hex: () => hash.digest('hex') };
    },
    join: (...parts) => parts.join('/'),
    dirname: () => '/',
    basename,
  };
}
