import { signal, useSignal } from '@preact/signals';

import { MESSAGE_TYPES, type MessageType, SEND_TYPES } from '../../protocol/unified-body';
import type { Gateway } from '../access/gateway';
import { say, t, type Text } from '../language/dictionary';
import { Choice, Field, TextField } from '../parts/field';
import { Icon } from '../parts/icon';
import { newMessageId, startWatch } from '../participant/stopwatch';
import { clients } from './clients';
import {
  addressOf,
  type Composed,
  compose,
  type Draft,
  draftOf,
  namesOf,
  senderOf,
} from './composer-model';

const draft = signal<Draft>(draftOf('SERVER_TO_CLIENT', 'alice', 'bob'));

const RECEIPTS = ['no', 'yes'] as const;

function change(part: Partial<Draft>): void {
  draft.value = { ...draft.value, ...part };
}

/** A setter for one field of the draft. */
function into(field: keyof Draft): (value: string) => void {
  return (value) => {
    change({ [field]: value });
  };
}

/** Changes the kind; the fields become those of a message that can be sent as it is. */
function chooseKind(messageType: MessageType): void {
  const [first = 'alice', second = first] = clients.value.map(({ request }) => request.uniqueId);
  draft.value = draftOf(messageType, first, second);
}

/** A form that knows the unified body. */
export function Composer({ gateway }: { readonly gateway: Gateway }) {
  const outcome = useSignal<{ good: boolean; text: Text } | undefined>(undefined);
  const composed = compose(draft.value);
  async function send(): Promise<void> {
    outcome.value =
      composed.body === undefined
        ? { good: false, text: { key: `fault.${composed.fault}` } }
        : await dispatch(gateway, composed.body);
  }
  return (
    <section class="card composer" aria-labelledby="composer-title">
      <h2 id="composer-title">{t('form.title')}</h2>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Choice
          label={t('form.kind')}
          name="messageType"
          options={MESSAGE_TYPES.map((value) => ({ value, text: t(`kind.${value}`) }))}
          value={draft.value.messageType}
          set={chooseKind}
        />
        <Address />
        <Content />
        <button class="button primary send">
          <Icon name="send" />
          {t('form.send')}
        </button>
        <p class={outcome.value?.good === false ? 'fault' : 'good-news'} role="status">
          {outcome.value !== undefined && say(outcome.value.text)}
        </p>
      </form>
      <Preview composed={composed} />
      <datalist id="unique-ids">
        {clients.value.map(({ request, id }) => (
          <option key={id} value={request.uniqueId} />
        ))}
      </datalist>
    </section>
  );
}

function Address() {
  const { messageType, sendType } = draft.value;
  const address = addressOf(draft.value);
  return (
    <>
      {messageType !== 'SERVER_TO_CLIENT' && <Sender />}
      {address !== 'none' && (
        <Choice
          label="sendType"
          name="sendType"
          options={SEND_TYPES.map((value) => ({ value, text: value }))}
          value={sendType}
          set={(value) => {
            change({ sendType: value });
          }}
        />
      )}
      {address !== 'none' && <Recipients />}
    </>
  );
}

function Sender() {
  const from = senderOf(draft.value.from, clients.value)?.id ?? '';
  const names = namesOf(clients.value);
  return (
    <Field label={t('form.from')}>
      <select
        value={from}
        onChange={(event) => {
          change({ from: event.currentTarget.value });
        }}
      >
        {clients.value.map(({ id }, i) => (
          <option key={id} value={id} selected={id === from}>
            {names[i]}
          </option>
        ))}
      </select>
    </Field>
  );
}

function Recipients() {
  const { toUniqueId, toClientType, tags, businesses } = draft.value;
  const address = addressOf(draft.value);
  return (
    <>
      {address === 'recipient' && (
        <TextField
          label="toUniqueId"
          value={toUniqueId}
          list="unique-ids"
          set={into('toUniqueId')}
        />
      )}
      {address === 'labels' && (
        <>
          <TextField label="tags" value={tags} hint={t('form.commas')} set={into('tags')} />
          <TextField
            label="businesses"
            value={businesses}
            hint={t('form.commas')}
            set={into('businesses')}
          />
          <p class="hint wide">{t('form.multicast')}</p>
        </>
      )}
      {address === 'everybody' && <p class="hint wide">{t('form.broadcast')}</p>}
      <TextField
        label="toClientType"
        value={toClientType}
        list="client-types"
        hint={t('form.anyType')}
        set={into('toClientType')}
      />
    </>
  );
}

function Content() {
  const { businessType, content } = draft.value;
  return (
    <>
      <TextField
        label="businessType"
        value={businessType}
        list="business-types"
        wide
        set={into('businessType')}
      />
      <datalist id="business-types">
        {[
          'payment.result',
          'qrcode.refresh',
          'charging.status',
          'display.show',
          'report.build',
        ].map((type) => (
          <option key={type} value={type} />
        ))}
      </datalist>
      <Field label="content" hint={t('form.json')} wide>
        <textarea
          rows={3}
          spellcheck={false}
          value={content}
          onInput={(event) => {
            change({ content: event.currentTarget.value });
          }}
        />
      </Field>
      <More />
    </>
  );
}

function More() {
  const { messageId, correlationId, ttl, receipt } = draft.value;
  return (
    <details class="wide">
      <summary>{t('form.more')}</summary>
      <div class="fields">
        <TextField
          label="messageId"
          value={messageId}
          hint={t('form.messageId')}
          set={into('messageId')}
        />
        <TextField
          label="correlationId"
          value={correlationId}
          hint={t('form.correlationId')}
          set={into('correlationId')}
        />
        <TextField label="ttl" value={ttl} hint={t('form.ttl')} set={into('ttl')} />
        {addressOf(draft.value) === 'recipient' && (
          <Choice
            label={t('form.receipt')}
            name="receipt"
            options={RECEIPTS.map((value) => ({ value, text: t(`form.receipt.${value}`) }))}
            value={receipt}
            set={(value) => {
              change({ receipt: value });
            }}
          />
        )}
      </div>
    </details>
  );
}

/** The body as it will be sent, and how a backend would send it. */
function Preview({ composed: { body, fault } }: { readonly composed: Composed }) {
  if (body === undefined) return <p class="hint">{t(`fault.${fault}`)}</p>;
  const json = JSON.stringify(body, undefined, 2);
  const url = new URL('websocket/push', location.href).href;
  const command = `curl -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\\n  ${url} -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
  return (
    <details class="preview">
      <summary>{t('form.preview')}</summary>
      <pre tabIndex={0}>{json}</pre>
      {body.messageType === 'SERVER_TO_CLIENT' && <pre tabIndex={0}>{command}</pre>}
    </details>
  );
}

/** Sends as who the draft says, and tells what the service answered. */
async function dispatch(
  gateway: Gateway,
  composed: NonNullable<Composed['body']>,
): Promise<{ good: boolean; text: Text }> {
  const body = { ...composed, messageId: composed.messageId ?? newMessageId() };
  const began = performance.now();
  startWatch(body.messageId);
  try {
    if (body.messageType === 'SERVER_TO_CLIENT') await gateway.push(body);
    else {
      const sender = senderOf(draft.value.from, clients.value);
      if (sender === undefined) return { good: false, text: { key: 'fault.from' } };
      await sender.client.send(body);
    }
    const ms = Math.round(performance.now() - began);
    return { good: true, text: { key: 'form.accepted', values: { ms } } };
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error);
    return { good: false, text: { key: 'form.refused', values: { sentence } } };
  }
}
