import { useSignal } from '@preact/signals';

import type { Gateway } from '../access/gateway';
import { t } from '../language/dictionary';
import { TextField } from '../parts/field';
import { Icon } from '../parts/icon';
import { addClient } from './clients';
import { labelsOf } from './composer-model';

/** Connects one more client under a chosen identity. */
export function ClientForm({ gateway }: { readonly gateway: Gateway }) {
  const uniqueId = useSignal('carol');
  const clientType = useSignal('WEB');
  const tags = useSignal('');
  const businesses = useSignal('');
  return (
    <details class="card more">
      <summary>
        <Icon name="plus" />
        {t('client.add')}
      </summary>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          if (uniqueId.value.trim() === '') return;
          addClient(gateway, {
            uniqueId: uniqueId.value.trim(),
            clientType: clientType.value.trim(),
            tags: labelsOf(tags.value),
            businesses: labelsOf(businesses.value),
          });
        }}
      >
        <TextField
          label="uniqueId"
          value={uniqueId.value}
          set={(value) => {
            uniqueId.value = value;
          }}
        />
        <TextField
          label="clientType"
          value={clientType.value}
          list="client-types"
          set={(value) => {
            clientType.value = value;
          }}
        />
        <TextField
          label="tags"
          value={tags.value}
          hint={t('form.commas')}
          set={(value) => {
            tags.value = value;
          }}
        />
        <TextField
          label="businesses"
          value={businesses.value}
          hint={t('form.commas')}
          set={(value) => {
            businesses.value = value;
          }}
        />
        <button class="button primary">{t('client.connect')}</button>
      </form>
    </details>
  );
}
