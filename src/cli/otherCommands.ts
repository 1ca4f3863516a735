/** `nanoscope undo`, `models` and `save`. */
import { plural } from '../app/render/notes';
import { fileSize } from '../app/render/numbers';
import { visible, wrap } from '../app/render/text';
import { NanoscopeError } from '../core/errors';
import { buildModel, builtinModels, isBuiltin, serializeModel } from '../core/models';
import type { Sharding } from '../core/parallel/settings';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';

export interface FormatOptions {
  readonly json?: true | undefined;
}

/** Takes back what `--apply` or `fix` wrote. @throws NanoscopeError `not-ours`, `file-not-found` */
export async function undoCommand(context: Context, file: string, options: FormatOptions): Promise<ExitCode> {
  const { removed, restored } = await context.work.undoFix({ files: context.files }, context.resolvePath(file));
  const text =
    restored === undefined
      ? removed.map((path) => `Removed ${visible(path)}\n`).join('') || 'There was nothing to remove.\n'
      : `${visible(restored)} is the original again; its backup is gone.\n`;
  await context.terminal.out(
    options.json === true ? jsonText({ removed, ...(restored !== undefined && { restored }) }) : text,
  );
  return 0;
}

/** Built-in models with their options. */
export async function modelsCommand(context: Context, options: FormatOptions): Promise<ExitCode> {
  const { outStyle: style, width } = context.terminal;
  const text = builtinModels
    .map((model) =>
      [
        `${style.strong(`builtin:${model.id}`)}  ${model.title}`,
        `  ${wrap(model.description, width - 2, 2)}`,
        ...model.options.map((option) => `    ${option.name}=${String(option.default)}  (${option.allowed})`),
      ].join('\n'),
    )
    .join('\n\n');
  const example = 'Options go behind a question mark: "builtin:kimi-k2-mini?layers=61&attention=eager-where&seed=1"';
  await context.terminal.out(
    options.json === true ? jsonText({ models: builtinModels }) : `${text}\n\n${style.quiet(example)}\n`,
  );
  return 0;
}

export interface SaveOptions extends FormatOptions {
  readonly force?: true | undefined;
  /** Write the shards of so many ranks into a folder. */
  readonly ranks?: number | undefined;
  readonly shard?: Sharding | undefined;
}

/** Writes a built-in model as an ordinary `.onnx`, or as shards. @throws NanoscopeError `usage`, `would-overwrite` */
export async function saveCommand(
  context: Context,
  model: string,
  out: string,
  options: SaveOptions,
): Promise<ExitCode> {
  if (!isBuiltin(model)) {
    throw new NanoscopeError('usage', `${model} is not a built-in model.`, 'List them with: nanoscope models');
  }
  if (options.ranks !== undefined || options.shard !== undefined) return saveShardsOf(context, model, out, options);
  const file = context.resolvePath(out);
  const { proto, uri, title } = buildModel(model);
  if (options.force !== true && (await context.files.exists(file))) {
    throw new NanoscopeError('would-overwrite', `${file} exists already.`, 'Choose another name, or add --force.');
  }
  const bytes = serializeModel(proto);
  await context.files.writeAtomic(file, once(bytes));
  await context.terminal.out(
    options.json === true
      ? jsonText({ file, bytes: bytes.length, model: uri })
      : `Saved ${title} as ${visible(file)} (${fileSize(bytes.length)})\n`,
  );
  return 0;
}

async function saveShardsOf(
  context: Context,
  model: string,
  out: string,
  { ranks = 2, shard = 'all', force, json }: SaveOptions,
): Promise<ExitCode> {
  const request = {
    model,
    folder: context.resolvePath(out),
    how: { kind: 'ranks', ranks, shard } as const,
    force: force === true,
  };
  const saved = await context.work.saveShards(context.createDeps({}), request, context.signal);
  const sizes = saved.weightBytes.map(fileSize).join(', ');
  await context.terminal.out(
    json === true
      ? jsonText(saved)
      : `Saved ${plural(ranks, 'rank')} of ${plural(saved.parts, 'part')}, ${plural(saved.allReduces, 'all-reduce')}, as ${visible(saved.file)} (weights ${sizes})\n`,
  );
  return 0;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
