/** Lengths in, batches without padding out; and the throughput of each way to run them. */
import { buildModel, serializeModel } from '../../core/models';
import { check } from '../../core/experiments/check';
import { planBatches, type PlannedBatch } from '../../core/experiments/extraction';
import type { TensorData } from '../../core/tensor';
import { withSession } from '../measure/sessions';
import { plural } from '../render/notes';
import type { EngineJob, SessionInfo } from '../ports';
import type { Experiment } from './laboratory';

const mostTogether = 32;
/** Each way is run so often; the median counts. */
const rounds = 3;

export const extractionPlan =
  (lengths: readonly number[]): Experiment =>
  async (laboratory) => {
    const plan = planBatches(lengths, mostTogether);
    const alone = lengths.flatMap((length, at): PlannedBatch[] => (length > 0 ? [{ length, sequences: [at] }] : []));
    const padded: readonly PlannedBatch[] = [{ length: Math.max(...lengths), sequences: lengths.map((_, at) => at) }];
    const real = lengths.reduce((a, b) => a + b, 0);
    const model = serializeModel(buildModel(laboratory.kimi('hidden=128')).proto);
    const options = { level: 'all', prepack: true } as const;
    const ways: readonly (readonly [string, readonly PlannedBatch[]])[] = [
      ['one padded batch', padded],
      ['each sequence alone', alone],
      ['batches without padding', plan],
    ];
    const measured = await laboratory.withEngine((job) =>
      withSession(job, model, options, async (session) => {
        const times = ways.map((): number[] => []);
        const nan = ways.map(() => false);
        // In turn, so that a machine that slows down slows all of them.
        for (let round = 0; round < rounds; round++) {
          for (const [at, [name, batches]] of ways.entries()) {
            laboratory.progress(name, (round * ways.length + at) / (rounds * ways.length));
            const run = await runAll(job, session, batches, lengths);
            times[at]?.push(run.ms);
            nan[at] = run.nan;
          }
        }
        return ways.map((_, at) => ({ ms: median(times[at] ?? []), nan: nan[at] === true }));
      }),
    );
    const rate = (ms: number): number => real / (ms / 1000);
    const first = measured[0]?.ms ?? 1;
    return {
      checks: [
        check(
          'the plan',
          null,
          plan.map(({ length, sequences }) => `${String(sequences.length)} × ${String(length)}`).join(', '),
        ),
        check(
          'padding that is not computed',
          null,
          `${String(lengths.length * Math.max(...lengths) - real)} positions`,
        ),
        ...ways.flatMap(([name], at) => {
          const { ms = NaN, nan = true } = measured[at] ?? {};
          return [
            check(`${name}: NaN`, at === 0 ? (isPadded(lengths) ? 'NaN' : 'no NaN') : 'no NaN', nan ? 'NaN' : 'no NaN'),
            check(
              `${name}: real tokens per second`,
              null,
              `${String(Math.round(rate(ms)))} (${(first / ms).toFixed(2)} × the padded batch)`,
            ),
          ];
        }),
      ],
      explanation: {
        then: 'Avoid variable-length batches; batch_size = 1 eliminates padding, at the cost of throughput.',
        measured: `Equal lengths together: ${plural(lengths.length, 'sequence')} in ${plural(plan.length, 'run')}, no padding and no NaN; what each way costs on this machine stands above.`,
        verdict: 'confirmed',
      },
      standIns: [
        'Throughput is that of the CPU engine and a small model; what a GPU gains from larger batches is more.',
      ],
    };
  };

const isPadded = (lengths: readonly number[]): boolean => new Set(lengths).size > 1;

async function runAll(
  job: EngineJob,
  session: SessionInfo,
  batches: readonly PlannedBatch[],
  lengths: readonly number[],
): Promise<{ readonly ms: number; readonly nan: boolean }> {
  let [ms, nan] = [0, false];
  for (const batch of batches) {
    const { runMs, inspected } = await job.run({
      session: session.id,
      feeds: feedsOf(batch, lengths),
      fetch: [],
      inspect: [{ id: 'logits', inspector: 'count', tensors: ['logits'], params: null }],
    });
    ms += runMs;
    nan ||= hasNaN(inspected.logits);
  }
  return { ms, nan };
}

const hasNaN = (counts: unknown): boolean =>
  Array.isArray(counts) && counts.some((count: { readonly nan?: number }) => (count.nan ?? 0) > 0);

/** Left padded where a sequence is shorter than its batch. */
function feedsOf({ length, sequences }: PlannedBatch, lengths: readonly number[]): Record<string, TensorData> {
  const dims = [sequences.length, length];
  const ids = new BigInt64Array(sequences.length * length);
  const mask = new BigInt64Array(sequences.length * length);
  sequences.forEach((sequence, row) => {
    const own = lengths[sequence] ?? 0;
    for (let at = length - own; at < length; at++) {
      ids[row * length + at] = BigInt(1 + ((sequence * 31 + at * 7) % 250));
      mask[row * length + at] = 1n;
    }
  });
  return {
    input_ids: { dtype: 'int64', dims, data: ids },
    attention_mask: { dtype: 'int64', dims, data: mask },
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
