/**
 * The only file that knows where the page's controls come from. `@vscode/webview-ui-toolkit` is archived; a
 * successor is brought in by registering its elements here and renaming the tags in the templates. One page can
 * hold one of them only: their tag names collide.
 */
import { endToolkitLoading } from './toolkitPolicy';
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeProgressRing,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';

export function registerControls(): void {
  endToolkitLoading();
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodeProgressRing(),
    vsCodeTextField(),
  );
}

/** The value of a text field or dropdown, or the state of a checkbox, from its `change` or `input` event. */
export const valueOf = (event: Event): string => {
  const target = event.currentTarget;
  return target instanceof HTMLElement && 'value' in target && typeof target.value === 'string' ? target.value : '';
};
export const isChecked = (event: Event): boolean => {
  const target = event.currentTarget;
  return target instanceof HTMLElement && 'checked' in target && target.checked === true;
};
