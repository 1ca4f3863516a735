/**
 * A program of its own for the tests: starts a long run, prints the child's pid, and then either waits to be killed
 * or leaves without closing anything. Arguments: worker bundle, `wait` | `exit`.
 */
import { createEngine } from '../../../src/runtime/client/engine';
import { endless, matrix } from './models';

const [, , workerPath = '', then] = process.argv;

async function main(): Promise<void> {
  const job = createEngine({ workerPath }).start();
  const session = await job.createSession(endless(), { level: 'disabled', prepack: false });
  job.run({ session: session.id, feeds: { x: matrix }, fetch: [] }).catch(() => undefined);
  // Time for the run to begin: from then on the child's event loop stands still.
  setTimeout(() => {
    process.stdout.write(`${String(job.pid)}\n`, () => {
      if (then === 'exit') process.exit(0);
    });
  }, 300);
}

void main();
