/** Programs in Debian's PyTorch, each in a process of its own that is forked from one which has imported torch once. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { systemPython } from './python';

/** Reads JSON texts, a line each; answers each with a line: what `measured` made of the file, or `{"error": …}`. */
const server = (body: string): string => `import json, os, sys, traceback
import torch
torch.set_num_threads(1)

${body}

for line in sys.stdin:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            answer = measured(json.loads(line))
        except BaseException:
            answer = {"error": traceback.format_exc()}
        with os.fdopen(write, "w") as out:
            out.write(json.dumps(answer))
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    print(text or json.dumps({"error": "the program ended without a word"}), flush=True)
`;

export class TorchPrograms {
  private readonly process: ChildProcessWithoutNullStreams;
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  private told = '';

  /** @param body Python that defines `measured(file)`, whose result JSON can hold */
  constructor(body: string) {
    this.process = spawn(systemPython, ['-B', '-c', server(body)], { env: { ...process.env, OMP_NUM_THREADS: '1' } });
    this.process.stderr.on('data', (text: Buffer) => (this.told += text.toString()));
    createInterface({ input: this.process.stdout }).on('line', (line) => this.waiting.shift()?.resolve(line));
    this.process.on('close', () => {
      for (const { reject } of this.waiting.splice(0)) reject(new Error(`Python has ended: ${this.told}`));
    });
  }

  /** What `measured` gave. Rejects with the traceback of a program that failed. */
  async run(file: string): Promise<unknown> {
    const line = await new Promise<string>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.process.stdin.write(`${JSON.stringify(file)}\n`);
    });
    const answer: unknown = JSON.parse(line);
    if (typeof answer === 'object' && answer !== null && 'error' in answer) throw new Error(String(answer.error));
    return answer;
  }

  close(): void {
    this.process.stdin.end();
  }
}
