import {
  BUSINESS_TYPE,
  type Json,
  MESSAGE_ID,
  type MessageType,
  RESERVED_PREFIX,
  type SendType,
  type UnifiedBody,
} from '../../protocol/unified-body';

/** What the form holds: the unified body as people type it. */
export interface Draft {
  readonly messageType: MessageType;
  /** Id of the participant that sends, the first one when there is none of this id. */
  readonly from: string;
  readonly sendType: SendType;
  readonly businessType: string;
  readonly toUniqueId: string;
  readonly toClientType: string;
  /** Labels, separated by commas. */
  readonly tags: string;
  readonly businesses: string;
  /** JSON. */
  readonly content: string;
  readonly messageId: string;
  readonly correlationId: string;
  /** ms. */
  readonly ttl: string;
  /** Of a message to one client. */
  readonly receipt: 'no' | 'yes';
}

/** What is wrong with a draft; each has a sentence in the dictionary. */
export type Fault =
  | 'businessType'
  | 'reserved'
  | 'toUniqueId'
  | 'labels'
  | 'content'
  | 'messageId'
  | 'correlationId'
  | 'ttl';

export type Composed =
  | { readonly body: UnifiedBody; readonly fault?: never }
  | { readonly body?: never; readonly fault: Fault };

const BLANK = {
  from: '',
  sendType: 'UNICAST',
  toClientType: '',
  tags: '',
  businesses: '',
  messageId: '',
  correlationId: '',
  ttl: '',
  receipt: 'no',
} as const;

/** A message of the kind that can be sent as it is, between the first two clients. */
export function draftOf(messageType: MessageType, first: string, second: string): Draft {
  switch (messageType) {
    case 'SERVER_TO_CLIENT':
      return {
        ...BLANK,
        messageType,
        businessType: 'payment.result',
        toUniqueId: first,
        content: '{ "orderId": "A-1", "status": "PAID" }',
      };
    case 'CLIENT_TO_SERVER':
      return {
        ...BLANK,
        messageType,
        businessType: 'qrcode.refresh',
        toUniqueId: '',
        content: '{}',
      };
    case 'CLIENT_TO_CLIENT':
      return {
        ...BLANK,
        messageType,
        businessType: 'note.show',
        toUniqueId: second,
        content: '{ "text": "Hello" }',
      };
  }
}

/** A client as the choice of the sender needs it. */
interface Sender {
  readonly id: string;
  readonly request: { readonly uniqueId: string; readonly clientType: string };
}

/** Who sends; the one who was chosen may be gone. */
export function senderOf<T extends Sender>(from: string, senders: readonly T[]): T | undefined {
  return senders.find(({ id }) => id === from) ?? senders[0];
}

/** What each sender is called in a choice, no two the same. */
export function namesOf(senders: readonly Sender[]): readonly string[] {
  const counts = new Map<string, number>();
  return senders.map(({ request: { uniqueId, clientType } }) => {
    const name = `${uniqueId} · ${clientType}`;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name} (${String(count)})`;
  });
}

/** Which address fields a message of this kind has. */
export function addressOf({
  messageType,
  sendType,
}: Pick<Draft, 'messageType' | 'sendType'>): 'none' | 'recipient' | 'labels' | 'everybody' {
  if (messageType === 'CLIENT_TO_SERVER') return 'none';
  if (sendType === 'UNICAST') return 'recipient';
  return sendType === 'MULTICAST' ? 'labels' : 'everybody';
}

/** The body that a draft stands for, or the first thing that is wrong with it. */
export function compose(draft: Draft): Composed {
  const content = readJson(draft.content);
  const fault = faultOf(draft, content);
  if (fault !== undefined) return { fault };
  return {
    body: {
      ...recipientOf(draft),
      messageType: draft.messageType,
      businessType: draft.businessType.trim(),
      ...(content?.value !== undefined && { content: content.value }),
      ...labelFields(draft),
      ...idFields(draft),
      ...(addressOf(draft) === 'recipient' && draft.receipt === 'yes' && { receipt: true }),
    },
  };
}

function recipientOf(draft: Draft): Pick<UnifiedBody, 'sendType' | 'toUniqueId' | 'toClientType'> {
  const address = addressOf(draft);
  if (address === 'none') return { sendType: 'UNICAST' };
  const toClientType = draft.toClientType.trim();
  return {
    sendType: draft.sendType,
    ...(address === 'recipient' && { toUniqueId: draft.toUniqueId.trim() }),
    ...(toClientType !== '' && { toClientType }),
  };
}

function labelFields(draft: Draft): Pick<UnifiedBody, 'tags' | 'businesses'> {
  if (addressOf(draft) !== 'labels') return {};
  const [tags, businesses] = [labelsOf(draft.tags), labelsOf(draft.businesses)];
  return { ...(tags.length > 0 && { tags }), ...(businesses.length > 0 && { businesses }) };
}

function idFields({
  messageId,
  correlationId,
  ttl,
}: Draft): Pick<UnifiedBody, 'messageId' | 'correlationId' | 'ttl'> {
  return {
    ...(messageId !== '' && { messageId }),
    ...(correlationId !== '' && { correlationId }),
    ...(ttl !== '' && { ttl: Number(ttl) }),
  };
}

export function labelsOf(text: string): readonly string[] {
  return text
    .split(/[,，]/)
    .map((label) => label.trim())
    .filter((label) => label !== '');
}

function faultOf(draft: Draft, content: { value?: Json } | undefined): Fault | undefined {
  return addressFault(draft) ?? (content === undefined ? 'content' : idFault(draft));
}

function addressFault(draft: Draft): Fault | undefined {
  const businessType = draft.businessType.trim();
  if (!BUSINESS_TYPE.test(businessType)) return 'businessType';
  if (businessType.startsWith(RESERVED_PREFIX)) return 'reserved';
  const address = addressOf(draft);
  if (address === 'recipient' && draft.toUniqueId.trim() === '') return 'toUniqueId';
  const isLabelled = labelsOf(draft.tags).length + labelsOf(draft.businesses).length > 0;
  return address === 'labels' && !isLabelled ? 'labels' : undefined;
}

function idFault({ messageId, correlationId, ttl }: Draft): Fault | undefined {
  if (messageId !== '' && !MESSAGE_ID.test(messageId)) return 'messageId';
  if (correlationId !== '' && !MESSAGE_ID.test(correlationId)) return 'correlationId';
  return ttl === '' || /^[1-9]\d{0,9}$/.test(ttl) ? undefined : 'ttl';
}

/** The value in a box, since JSON itself has no word for nothing; undefined for what is no JSON. */
function readJson(text: string): { value?: Json } | undefined {
  if (text.trim() === '') return {};
  try {
    return { value: JSON.parse(text) as Json };
  } catch {
    return undefined;
  }
}
