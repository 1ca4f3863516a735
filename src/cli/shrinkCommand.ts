/** `nanoscope shrink`: the smallest model and batch that still show the same birth, as a folder for a bug report. */
import { visible } from '../app/render/text';
import { requireEmpty, shrunkFigures } from '../app/shrink/writeShrunk';
import { isBuiltin, parseBuiltin } from '../core/models';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';
import { limitsOf, requestOf, type RequestOptions } from './request';

export interface ShrinkOptions extends RequestOptions {
  readonly out?: string | undefined;
  readonly json?: true | undefined;
}

/** @throws NanoscopeError */
export async function shrinkCommand(context: Context, model: string, options: ShrinkOptions): Promise<ExitCode> {
  const { terminal, signal, work, files } = context;
  const request = requestOf(context, model, options);
  const folder =
    options.out !== undefined
      ? context.resolvePath(options.out)
      : isBuiltin(model)
        ? context.resolvePath(`${parseBuiltin(model).id}.shrunk`)
        : files.join(files.dirname(request.model), `${files.basename(request.model).replace(/\.onnx$/i, '')}.shrunk`);
  await requireEmpty(files, folder);
  const shrunk = await work
    .shrink(
      context.createDeps(limitsOf(options)),
      request,
      {
        onProgress: (progress) => {
          terminal.progress(progress);
        },
      },
      signal,
    )
    .finally(() => {
      terminal.clearProgress();
    });
  const written = await work.writeShrunk(files, shrunk, folder);
  const { origin, uri, inputs } = shrunk;
  if (options.json === true) {
    await terminal.out(jsonText({ ...written, origin, uri, figures: shrunkFigures(shrunk), fed: Object.keys(inputs) }));
    return 0;
  }
  const lines = [
    `${terminal.outStyle.strong(`Written to ${visible(folder)}:`)} model.onnx, inputs.npz and report.md`,
    `It shows the same birth: ${origin.mechanism} at ${visible(origin.node ?? origin.tensor)}`,
    ...shrunkFigures(shrunk).map(([what, was, is]) => `  ${what.padEnd(10)} ${was.padStart(6)} → ${is}`),
    ...(uri === null ? [] : [`The smallest built-in model that shows it: ${visible(uri)}`]),
  ];
  await terminal.out(`${lines.join('\n')}\n`);
  return 0;
}
