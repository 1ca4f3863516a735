/** One engine at a time: two diagnoses side by side would only fight over cores and memory. */
import { NanoscopeError } from '../core/errors';

export class Queue {
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  /**
   * @param onWait called when somebody else is at work
   * @throws NanoscopeError `cancelled` when `signal` fires before the turn comes
   */
  async run<T>(signal: AbortSignal | undefined, onWait: () => void, action: () => Promise<T>): Promise<T> {
    const turn = this.last;
    let done: () => void = () => undefined;
    this.last = new Promise((resolve) => {
      done = resolve;
    });
    if (this.waiting > 0) {
      onWait();
    }
    this.waiting += 1;
    try {
      await Promise.race([turn, whenAborted(signal)]);
      if (signal?.aborted) {
        throw new NanoscopeError('cancelled', 'The diagnosis was cancelled.', 'Run it again when you want to.');
      }
      return await action();
    } finally {
      this.waiting -= 1;
      // Whoever is next waits for this turn *and* those before it, also when this one gave up early.
      void turn.then(done);
    }
  }
}

function whenAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
    }
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
