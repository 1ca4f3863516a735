/** From arguments to an exit code: parses, runs the command, and turns every failure into words and a code. */
import { CommanderError } from 'commander';
import { NanoscopeError, toPayload } from '../core/errors';
import { isBuiltin } from '../core/models';
import type { Context } from './context';
import { printFailure } from './output';
import { createProgram } from './program';

/** Never throws. */
export async function runCli(context: Context, args: readonly string[]): Promise<number> {
  const asJson = wantsJson(args);
  try {
    return await parseAndRun(context, args);
  } catch (error) {
    await context.log(error);
    const failure = context.signal.aborted ? cancelled() : error;
    await printFailure(context.terminal, toPayload(failure), asJson);
    return failure instanceof NanoscopeError ? failure.exitCode : 3;
  }
}

async function parseAndRun(context: Context, args: readonly string[]): Promise<number> {
  const { terminal } = context;
  let code = 0;
  const written: { text: string; stream: 'out' | 'err' }[] = [];
  const program = createProgram(context, args, (result) => (code = result));
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => written.push({ text, stream: 'out' }),
      writeErr: (text) => written.push({ text, stream: 'err' }),
      // Errors are thrown as well; they are printed once, in our own form.
      outputError: () => undefined,
      getOutHelpWidth: () => terminal.width,
      getErrHelpWidth: () => terminal.width,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      throw error;
    }
    if (error.exitCode !== 0 && error.code !== 'commander.help') {
      throw usageError(
        error,
        args,
        program.commands.map((command) => command.name()),
      );
    }
    for (const { text, stream } of written) {
      await terminal[stream](text);
    }
    return error.exitCode === 0 ? 0 : 2;
  }
  if (context.signal.aborted) {
    throw cancelled();
  }
  return code;
}

/** Before anything is parsed, so that a wrong command line is told as JSON too. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

/** Commander's text, as one of our sentences: `error: unknown option '--foo'\n(Did you mean --json?)`. */
function usageError(error: CommanderError, args: readonly string[], commands: readonly string[]): NanoscopeError {
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n');
  const message = `${first.charAt(0).toUpperCase()}${first.slice(1).replace(/\.$/, '')}.`;
  const suggestion = more.join(' ').replace(/^\(|\)$/g, '');
  const word = args[0] ?? '';
  const hint =
    error.code === 'commander.unknownCommand' && (isBuiltin(word) || /\.onnx$/i.test(word))
      ? 'To diagnose a model, write: nanoscope diagnose MODEL'
      : `${suggestion === '' ? '' : `${suggestion} `}Usage: nanoscope ${commands.includes(word) ? `${word} ` : ''}--help`;
  return new NanoscopeError('usage', message, hint, { cause: error });
}

const cancelled = (): NanoscopeError =>
  new NanoscopeError('cancelled', 'The run was cancelled.', 'Start it again; no process of it is left.');
