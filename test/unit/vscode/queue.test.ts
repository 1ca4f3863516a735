import { describe, expect, it } from 'vitest';
import { Queue } from '../../../src/vscode/queue';

function gate(): { readonly promise: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
const nobody = (): void => undefined;
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('the queue', () => {
  it('runs one at a time, in order, and tells who waits', async () => {
    const queue = new Queue();
    const first = gate();
    const seen: string[] = [];
    const a = queue.run(undefined, nobody, async () => {
      seen.push('a starts');
      await first.promise;
      seen.push('a ends');
    });
    const b = queue.run(
      undefined,
      () => seen.push('b waits'),
      async () => {
        seen.push('b');
        return Promise.resolve();
      },
    );
    await settle();
    expect(seen).toEqual(['b waits', 'a starts']);
    first.open();
    await Promise.all([a, b]);
    expect(seen).toEqual(['b waits', 'a starts', 'a ends', 'b']);
  });

  it('goes on after a failure', async () => {
    const queue = new Queue();
    await expect(queue.run(undefined, nobody, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(queue.run(undefined, nobody, () => Promise.resolve(7))).resolves.toBe(7);
  });

  it('lets one give up at once, and still never runs two', async () => {
    const queue = new Queue();
    const first = gate();
    let active = 0;
    let most = 0;
    const work = (wait: Promise<void>) => async (): Promise<void> => {
      active += 1;
      most = Math.max(most, active);
      await wait;
      active -= 1;
    };
    const a = queue.run(undefined, nobody, work(first.promise));
    const controller = new AbortController();
    const b = queue.run(controller.signal, nobody, work(Promise.resolve()));
    const c = queue.run(undefined, nobody, work(settle()));
    controller.abort();
    await expect(b).rejects.toMatchObject({ code: 'cancelled' });
    await settle();
    expect(active).toBe(1);
    first.open();
    await Promise.all([a, c]);
    expect(most).toBe(1);
  });
});
