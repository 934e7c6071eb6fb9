import { useSignal } from '@preact/signals';

import { t } from '../language/dictionary';
import { Logo } from '../parts/icon';
import { type Refused, signIn } from './access';

/** Asks for the service key, which stays in this page's memory. */
export function KeyForm() {
  const key = useSignal('');
  const refused = useSignal<Refused | undefined>(undefined);
  const busy = useSignal(false);
  async function submit(): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    refused.value = await signIn(key.value.trim());
    busy.value = false;
  }
  return (
    <section class="card key-card" aria-labelledby="key-title">
      <Logo />
      <h1 id="key-title">{t('key.title')}</h1>
      <p>{t('key.intro')}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label class="field">
          <span class="field-label">{t('key.label')}</span>
          <input
            type="password"
            name="key"
            autocomplete="off"
            spellcheck={false}
            required
            autofocus
            value={key.value}
            aria-invalid={refused.value !== undefined}
            aria-describedby="key-hint key-fault"
            onInput={(event) => {
              key.value = event.currentTarget.value;
            }}
          />
        </label>
        <p id="key-hint" class="hint">
          {t('key.hint')}
        </p>
        <p id="key-fault" class="fault" role="alert">
          {refused.value !== undefined && t(`key.${refused.value}`)}
        </p>
        <button class="button primary" aria-disabled={busy.value}>
          {t('key.enter')}
        </button>
      </form>
      <p class="hint">{t('key.memory')}</p>
    </section>
  );
}
