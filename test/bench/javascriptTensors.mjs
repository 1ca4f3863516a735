/**
 * What reading tensors of a stopped Node program costs inside of it: 20 arrays of 1e6 elements, once clean, once with
 * 43 % NaN, and one of 1e8. The expression is evaluated on a call frame that V8's own debugger stopped.
 *
 *   node test/bench/javascriptTensors.mjs
 */
import { writeSync } from 'node:fs';
import inspector from 'node:inspector/promises';
import path from 'node:path';
import vm from 'node:vm';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { expressionOf } from '../../scripts/lib/expression.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

if (isMainThread) {
  /** @type {(name: string, budgetMs: number, arrays: readonly Float32Array[]) => void} */
  const stop = vm.runInThisContext('(name, budgetMs, arrays) => { debugger; }');
  const { text } = await expressionOf(path.join(root, 'src/debug/javascript/entry.ts'));
  const worker = new Worker(new URL(import.meta.url), { workerData: text });
  await new Promise((resolve) => worker.once('message', resolve));
  for (const [name, share] of /** @type {const} */ ([
    ['20 arrays of 1e6, clean', 0],
    ['20 arrays of 1e6, 43 % NaN', 0.43],
  ])) {
    for (let turn = 0; turn < 5; turn += 1) {
      stop(
        name,
        5000,
        Array.from({ length: 20 }, () => filled(1e6, share)),
      );
    }
  }
  stop('one array of 1e8, budget 1000 ms', 1000, [filled(1e8, 0)]);
  worker.postMessage('end');
} else {
  // Keeps this thread alive as well.
  parentPort?.on('message', () => process.exit(0));
  const session = new inspector.Session();
  session.connectToMainThread();
  await session.post('Debugger.enable');
  session.on('Debugger.paused', ({ params }) => {
    void measure(params.callFrames[0]?.callFrameId ?? '');
  });
  parentPort?.postMessage('ready');

  /** @param {string} callFrameId */
  async function measure(callFrameId) {
    const names = '[["arrays",()=>arrays]]';
    const expression = `name+"|"+${String(workerData)}.scope(${names},{"budgetMs":budgetMs})`;
    const { result } = await session.post('Debugger.evaluateOnCallFrame', { callFrameId, expression });
    const [name = '', answer = ''] = String(result.value).split('|');
    /** @type {{ ms: number; tensors: readonly { elements: number; scanned?: number }[] }} */
    const { ms, tensors } = JSON.parse(answer);
    const scanned = tensors.reduce((sum, tensor) => sum + (tensor.scanned ?? tensor.elements), 0);
    // The main thread, which writes for others, stands still.
    writeSync(1, `${name.padEnd(36)} ${ms.toFixed(0).padStart(5)} ms, ${scanned.toExponential(1)} elements\n`);
    await session.post('Debugger.resume');
  }
}

/** @param {number} size @param {number} share of NaN */
function filled(size, share) {
  const array = new Float32Array(size);
  for (let i = 0; i < size; i += 1) array[i] = (i * 0.618034) % 1 < share ? NaN : i % 17;
  return array;
}
