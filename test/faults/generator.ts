import type { Json } from '../../src/protocol/unified-body';
import type { Identity } from './client';
import type { Channel } from './history';
import type { Operation } from './operation';
import type { Random } from './random';

/** How often each way of sending is taken, and each way of addressing. */
export interface Mix {
  readonly channels: Readonly<Record<Exclude<Channel, 'probe'>, number>>;
  readonly addressing: Readonly<Record<'unicast' | 'multicast' | 'broadcast', number>>;
  /** Share of callers that repeat what was not accepted. */
  readonly repeating: number;
  /** Business types of the questions to handlers. */
  readonly questions: readonly string[];
  /** Longest padding of a message, in characters. */
  readonly padding: number;
}

export const EVERYTHING: Mix = {
  channels: { rest: 30, batch: 10, repeat: 10, amqp: 15, client: 15, upstream: 20 },
  addressing: { unicast: 76, multicast: 12, broadcast: 12 },
  repeating: 0.8,
  questions: ['qrcode.refresh'],
  padding: 300,
};

type Address = Pick<Operation, 'audience'> & { readonly body: Readonly<Record<string, Json>> };

/** Decides what is sent, from a seed alone: the same seed plans the same operations. */
export class Generator {
  private readonly seqs = new Map<string, number>();

  constructor(
    private readonly random: Random,
    private readonly clients: readonly Identity[],
    private readonly services: readonly string[],
    private readonly mix: Mix = EVERYTHING,
  ) {}

  next(): Operation {
    const { random, mix } = this;
    const channel = random.weighted(mix.channels);
    const repeats = random.next() < mix.repeating;
    if (channel === 'client' || channel === 'upstream') {
      const sender = random.pick(this.clients);
      return channel === 'client' ? this.between(sender) : this.asked(sender);
    }
    const sender = random.pick(this.services);
    const { audience, body } = this.address();
    return this.make(
      sender,
      channel,
      audience,
      { ...body, messageType: 'SERVER_TO_CLIENT' },
      repeats,
    );
  }

  /** A question to a handler; its reply is the proof that every hop works. */
  question(
    sender: Identity,
    channel: 'upstream' | 'probe',
    businessType = 'qrcode.refresh',
  ): Operation {
    const body = { sendType: 'UNICAST', messageType: 'CLIENT_TO_SERVER', businessType };
    const audience = this.namesOf(
      ({ uniqueId, clientType }) =>
        uniqueId === sender.uniqueId && clientType === sender.clientType,
    );
    return { ...this.make(sender.name, channel, audience, body, true), ordered: false };
  }

  /** A push to one user, to see whether it arrives. */
  probe(to: Identity): Operation {
    const audience = this.namesOf(({ uniqueId }) => uniqueId === to.uniqueId);
    const body = {
      sendType: 'UNICAST',
      messageType: 'SERVER_TO_CLIENT',
      toUniqueId: to.uniqueId,
    };
    return this.make('prober', 'probe', audience, body, true);
  }

  /** Half of the questions of a user with two tabs are asked by both in the same moment, as one message. */
  private asked(sender: Identity): Operation {
    const { random } = this;
    const question = this.question(sender, 'upstream', random.pick(this.mix.questions));
    const tabs = question.audience.filter((name) => name !== sender.name);
    const [twin] = random.next() < 0.5 ? tabs : [];
    return twin === undefined ? question : { ...question, twin };
  }

  private between(sender: Identity): Operation {
    const to = this.random.pick(this.clients);
    const audience = this.namesOf(({ uniqueId }) => uniqueId === to.uniqueId);
    const body = {
      sendType: 'UNICAST',
      messageType: 'CLIENT_TO_CLIENT',
      toUniqueId: to.uniqueId,
      // The server must put the real one in its place.
      fromUniqueId: 'somebody-else',
    };
    return { ...this.make(sender.name, 'client', audience, body, true), from: sender.uniqueId };
  }

  private address(): Address {
    const { random } = this;
    switch (random.weighted(this.mix.addressing)) {
      case 'unicast': {
        const { uniqueId } = random.pick(this.clients);
        const audience = this.namesOf((one) => one.uniqueId === uniqueId);
        return { audience, body: { sendType: 'UNICAST', toUniqueId: uniqueId } };
      }
      case 'multicast': {
        const tag = random.pick(this.clients.flatMap(({ tags }) => tags));
        const audience = this.namesOf(({ tags }) => tags.includes(tag));
        return { audience, body: { sendType: 'MULTICAST', tags: [tag] } };
      }
      case 'broadcast':
        return { audience: this.namesOf(() => true), body: { sendType: 'BROADCAST' } };
    }
  }

  private make(
    sender: string,
    channel: Channel,
    audience: readonly string[],
    body: Readonly<Record<string, Json>>,
    repeats: boolean,
  ): Operation {
    const seq = (this.seqs.get(sender) ?? 0) + 1;
    this.seqs.set(sender, seq);
    const op = `${sender}-${String(seq).padStart(6, '0')}`;
    const content = { seq, pad: 'x'.repeat(this.random.integer(0, this.mix.padding)) };
    const whole = { businessType: 'faults.message', ...body, content, messageId: op };
    return {
      op,
      channel,
      sender,
      seq,
      audience,
      ordered: true,
      body: whole,
      repeats,
    };
  }

  private namesOf(is: (identity: Identity) => boolean): string[] {
    return this.clients.filter(is).map(({ name }) => name);
  }
}
