import { useEffect } from 'preact/hooks';

import { gateway } from '../access/access';
import { t } from '../language/dictionary';
import { ClientCard } from './client-card';
import { ClientForm } from './client-form';
import { clients, twoClients } from './clients';
import { Composer } from './composer';
import { Tour } from './tour';

/** Clients side by side, and a form that sends every kind of message between them. */
export function TryView() {
  const source = gateway.value;
  useEffect(() => {
    if (source !== undefined && clients.value.length === 0) twoClients(source);
  }, [source]);
  if (source === undefined) return null;
  return (
    <>
      <Tour gateway={source} />
      <div class="try">
        <section class="clients" aria-label={t('client.all')}>
          {clients.value.map((participant) => (
            <ClientCard key={participant.id} participant={participant} />
          ))}
          <ClientForm gateway={source} />
        </section>
        <Composer gateway={source} />
      </div>
      <datalist id="client-types">
        {['H5', 'WEB', 'APP', 'MINI'].map((type) => (
          <option key={type} value={type} />
        ))}
      </datalist>
    </>
  );
}
