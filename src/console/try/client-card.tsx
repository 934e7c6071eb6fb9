import { t } from '../language/dictionary';
import { Icon } from '../parts/icon';
import type { Participant } from '../participant/participant';
import { removeClient } from './clients';
import { FrameList } from './frame-list';

/** One client: who it is, how its connection is, every frame, and what can be done to it. */
export function ClientCard({ participant }: { readonly participant: Participant }) {
  const { request, state, cut, cursor, delivered, entries, identity } = participant;
  const name = identity.value?.uniqueId ?? request.uniqueId;
  const condition = cut.value ? 'cut' : state.value;
  return (
    <article class={`card client ${condition}`} aria-label={name} data-client={name} tabIndex={-1}>
      <header class="client-head">
        <h2>
          {name} <span class="client-type">{request.clientType}</span>
        </h2>
        <span class={condition === 'connected' ? 'pill good' : `pill ${condition}`}>
          {t(`state.${condition}`)}
        </span>
        <button
          class="icon-button"
          title={t('client.remove')}
          aria-label={`${t('client.remove')}: ${name}`}
          onClick={({ currentTarget }) => {
            focusNext(currentTarget);
            removeClient(participant);
          }}
        >
          <Icon name="close" />
        </button>
      </header>
      <Labels participant={participant} />
      <dl class="client-facts">
        <div>
          <dt>{t('client.delivered')}</dt>
          <dd>{delivered.value}</dd>
        </div>
        <div>
          <dt>{t('client.cursor')}</dt>
          <dd class="mono">{cursor.value ?? '–'}</dd>
        </div>
      </dl>
      <FrameList entries={entries.value} label={t('client.frames', { name })} />
      <Controls participant={participant} />
    </article>
  );
}

/** The button goes with its card: whoever uses the keyboard goes on with what comes after it. */
function focusNext(button: HTMLElement): void {
  const next = button.closest('article')?.nextElementSibling;
  const target = next?.matches('details') === true ? next.querySelector('summary') : next;
  if (target instanceof HTMLElement) target.focus();
}

function Labels({ participant }: { readonly participant: Participant }) {
  const { tags = [], businesses = [] } = participant.request;
  if (tags.length + businesses.length === 0) return null;
  return (
    <p class="labels">
      {tags.map((tag) => (
        <span key={`t ${tag}`} class="label" title={t('client.tag')}>
          {tag}
        </span>
      ))}
      {businesses.map((business) => (
        <span key={`b ${business}`} class="label business" title={t('client.business')}>
          {business}
        </span>
      ))}
    </p>
  );
}

function Controls({ participant }: { readonly participant: Participant }) {
  const { cut, state } = participant;
  const closed = state.value === 'closed';
  return (
    <footer class="client-controls">
      {cut.value ? (
        <button
          class="button primary"
          onClick={() => {
            participant.mendLine();
          }}
        >
          <Icon name="link" />
          {t('client.mend')}
        </button>
      ) : (
        <button
          class="button"
          disabled={closed}
          onClick={() => {
            participant.cutLine();
          }}
        >
          <Icon name="cut" />
          {t('client.cut')}
        </button>
      )}
      <button
        class="button"
        disabled={cut.value}
        title={t('client.foreign.about')}
        onClick={() => {
          participant.returnWithForeignCursor();
        }}
      >
        <Icon name="gap" />
        {t('client.foreign')}
      </button>
    </footer>
  );
}
