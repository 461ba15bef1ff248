/** Light or dark: what the system says, or the reader. */
import { make } from './dom.ts';

/** @param changed is called whenever colours are others */
export function themeSwitch(changed: () => void): HTMLElement {
  const select = make(
    'select',
    { 'aria-label': 'Colours', id: 'theme' },
    ...['system', 'light', 'dark'].map((value) => make('option', { value }, value)),
  );
  select.addEventListener('change', () => {
    document.documentElement.dataset.theme = select.value;
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  return make('label', { class: 'theme' }, 'colours ', select);
}
