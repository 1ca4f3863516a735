/** Runs inside the extension host: a suite is a record of named tests, results go to a file as JSON. */
import { writeFileSync } from 'node:fs';

/** Test by name. A test fails by throwing; it must leave the editor as it found it. */
export type HostTests = Readonly<Record<string, () => Promise<void> | void>>;

export interface HostTestResult {
  readonly name: string;
  /** Message and stack of the failure; `null` when it passed. */
  readonly error: string | null;
  readonly ms: number;
}

const limitMs = 120_000;

/** Tests run one after the other: they share one editor. Never throws for a failing test. */
export async function runHostTests(tests: HostTests, resultsFile: string): Promise<void> {
  const results: HostTestResult[] = [];
  for (const [name, test] of Object.entries(tests)) {
    const start = Date.now();
    let error: string | null = null;
    try {
      await withLimit(test);
    } catch (thrown) {
      error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    }
    results.push({ name, error, ms: Date.now() - start });
  }
  writeFileSync(resultsFile, JSON.stringify(results));
}

async function withLimit(test: () => Promise<void> | void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`Not finished after ${String(limitMs / 1000)} s.`));
    }, limitMs);
  });
  try {
    await Promise.race([Promise.resolve().then(test), late]);
  } finally {
    clearTimeout(timer);
  }
}
