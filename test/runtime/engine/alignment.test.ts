/**
 * The engine sums a row in an order that depends on where in memory it begins, so equal feeds have to lie equally:
 * else two runs of the same model on the same batch differ in their last bits.
 */
import { expect, it } from 'vitest';
import type { EngineJob } from '../../../src/app/ports';
import { createEngine } from '../../../src/runtime/client/engine';
import type { Fed } from '../../support/operatorGraphs/build';
import { constant, floats, graph, tensor } from '../../support/operatorGraphs/build';
import { workerBundle } from '../../support/workerBundle';
import { encodeModel } from '../../unit/onnx/support';

const filler = (size: number): Fed => tensor('uint8', [size], new Array<number>(size).fill(1), 's');

it('the same batch gives the same bits wherever its message put it', async () => {
  const { model, feeds } = graph('ReduceMean', {
    opset: 18,
    in: { before: filler(1), x: floats([7, 9, 19]) },
    weights: { axes: constant('int64', [1], [2]) },
    run: ['y = ReduceMean(x, axes)'],
  });
  const job: EngineJob = createEngine({ workerPath: await workerBundle() }).start();
  try {
    const { id } = await job.createSession(encodeModel(model), { level: 'disabled', prepack: false });
    const results = new Set<string>();
    for (let shift = 1; shift <= 16; shift += 1) {
      // What comes before it in the message moves it.
      const { tensors } = await job.run({
        session: id,
        feeds: { before: filler(shift), x: feeds.x ?? filler(0) },
        fetch: ['y'],
      });
      results.add(Array.from(tensors.y?.data ?? [], String).join());
    }
    expect(results.size).toBe(1);
  } finally {
    await job.close();
  }
});
