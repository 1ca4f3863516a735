/** The unpacked VSIX, and nothing else of the checkout, diagnoses a model in a real editor. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PanelView } from '../editor/support/panel';
import { TestWorkspace } from '../editor/support/workspace';
import { buildVsix, type Vsix } from '../support/vsix';
import { withWorkbench } from '../support/workbench';

const workspace = new TestWorkspace(['sick.onnx', 'sick.inputs.npz']);
let vsix: Vsix;
beforeAll(async () => {
  vsix = await buildVsix();
});
afterAll(() => {
  vsix.remove();
  workspace.remove();
});

it('shows the table of a sick model', async () => {
  const options = { name: 'vsix', workspace: workspace.folder, extensions: [vsix.extension] };
  await withWorkbench(options, async (workbench) => {
    await workbench.runCommand('NaNoscope: Diagnose Model…');
    await workbench.pick('sick.onnx');
    const panel = await PanelView.of(workbench, 'sick.onnx');
    await panel.done();
    expect(await panel.cells('layer 0 attention')).toEqual(['30/35 pad only', '0/35']);
    expect(await panel.cells('logits')).toEqual([expect.stringMatching(/^35\/35/), '0/35']);
  });
});
