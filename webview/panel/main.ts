/** Entry of the diagnosis panel's page. */
import '../shared/strictZod';
import './panel.css';
import './compare/compare.css';
import type { FromPanel } from '../../src/protocol/panel';
import { registerControls } from '../shared/controls';
import { connectHost } from '../shared/host';
import { PanelPage } from './page';

registerControls();
const root = document.createElement('main');
document.body.append(root);
new PanelPage(root, connectHost<FromPanel>()).start();
