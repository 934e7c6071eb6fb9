import { Logger } from '@nestjs/common';

import { type Receiver, Subscriber } from '../../application/delivery/subscriber';
import type { OpenConnection } from '../../application/ports/nodes';
import type { Admission } from '../../application/session/admit-client';
import type { Identity } from '../../domain/connection/identity';
import { revokes, type Revocation } from '../../domain/connection/revocations';
import { Refusal } from '../../domain/errors';
import { Cursor } from '../../domain/log/cursor';
import type { Gap } from '../../domain/log/window';
import type { Origin } from '../../domain/message/message';
import { SendPermission } from '../../domain/routing/send-permission';
import { CloseCode } from '../../protocol/close-codes';
import type { ClientFrame, WelcomeFrame } from '../../protocol/frames';
import type { Dialect } from './dialect';
import { FrameRate } from './frame-rate';
import { decodeFrame, idOf, readDeep } from './frame-decoder';
import type { SessionContext } from './session-context';
import type { SocketChannel } from './socket-channel';
import { subscriptionOf } from './subscription-of';
import { CROWDED, hasRoomFor, isTokenText } from './upgrade';
import { limitsOf } from './welcome-text';

/** Messages of one client on their way to the broker at a time; from then on the socket is not read. */
const MAX_IN_FLIGHT = 256;
/** Heartbeats in a row without a sign of life: from which on the client is pinged, and after which it is given up. */
const QUIET = 2;
const GONE = 3;
/** Bad frames within one heartbeat after which the connection is closed. */
const MAX_BAD_FRAMES = 10;

/** As what a refusal counts. */
type Refused = 'framesBad' | 'upstreamRejected' | 'controlRejected';

/** One client's connection: turns frames into use cases and their results into frames. */
export class ClientSession implements Receiver {
  private static readonly logger = new Logger(ClientSession.name);
  /** Given when it is told: a client without the subprotocol has none. */
  private id: string | undefined;
  /** Which of the heartbeat's slots it is in. */
  slot = 0;
  private readonly subscriber: Subscriber;
  private origin: Origin & { readonly kind: 'client' };
  private permission: SendPermission;
  private sessionEnds: number;
  /** ms since epoch. */
  private readonly connectedAt: number;
  /** When its token was issued, ms since epoch. */
  private issuedAt: number;
  /** Where the session's deliveries began, on this connection or one before. */
  private began: Cursor;
  private inFlight = 0;
  /** The last renewal that is under way. */
  private renewal: Promise<void> | undefined;
  /** Made with its first frame: most clients send none. */
  private rate: FrameRate | undefined;
  private paused = false;
  private badFrames = 0;
  /** Heartbeats without a sign of life. */
  private silent = 0;
  private closed = false;

  constructor(
    private readonly context: SessionContext,
    readonly channel: SocketChannel,
    private readonly dialect: Dialect,
    admission: Admission,
  ) {
    channel.user = this;
    this.origin = { kind: 'client', ...admission.claims.identity };
    this.permission = new SendPermission(admission.claims.grants);
    this.sessionEnds = admission.sessionEnds;
    this.issuedAt = admission.claims.issuedAt;
    this.connectedAt = context.clock.now();
    this.began = admission.cursor;
    this.subscriber = new Subscriber(subscriptionOf(admission), this, admission.cursor.offset);
  }

  get acknowledges(): boolean {
    return this.dialect.acknowledges;
  }

  /** Welcomes the client, tells it of a gap, replays what it missed and attaches it to the live end. */
  open(admission: Admission): void {
    const { cursor, resumed } = admission;
    if (admission.claims.use === 'reconnect') this.began = this.beginningOf(admission);
    this.tell(this.dialect.welcome(() => this.welcome(cursor, resumed, admission)));
    const gap = this.context.window.gapAt(cursor);
    if (gap?.reason === 'OTHER_LOG') {
      this.context.metrics.count('gaps');
      this.channel.write([this.gapFrame(gap)]);
      this.subscriber.restart(gap.to.offset);
    }
    // It may not have been able to say what it has handled since its session began.
    else this.subscriber.inheritWishes(this.began.offset, cursor.offset);
    this.context.delivery.attach(this.subscriber);
  }

  /** A text frame came. */
  onText(text: string): void {
    // Frames behind the close are dropped: the client gets no answer to them, so it knows they were not accepted.
    if (this.closed) return;
    this.came(text.length);
    let messageId: string | undefined;
    try {
      const decoded = decodeFrame(text);
      if (decoded.kind === 'control') {
        this.onControl(decoded.frame);
        return;
      }
      messageId = idOf(decoded.value);
      this.context.validator.check(decoded.value);
      this.onBody(decoded.value);
    } catch (error) {
      if (error instanceof Refusal && error.code === 'TOO_DEEP') messageId = idOf(readDeep(text));
      this.refuse(error, messageId, 'framesBad');
    } finally {
      this.holdBack();
    }
  }

  /** Who sends and does not read must not fill memory with answers. In silence the heartbeat gives it up. */
  private holdBack(): void {
    if (!this.paused && (this.inFlight >= MAX_IN_FLIGHT || this.isBehind || this.isTooFast))
      this.pauseReading(true);
  }

  /** A binary frame came, of so many bytes. */
  onBinary(bytes: number): void {
    if (this.closed) return;
    this.came(bytes);
    this.refuse(new Refusal('BINARY'), undefined, 'framesBad');
    this.holdBack();
  }

  /** A pong came, whether it was asked for or not. */
  onPong(): void {
    if (this.closed) return;
    // Of idle clients each pong would make a rate otherwise, which most never need.
    if (this.silent > 0) this.silent = 0;
    else this.came(0);
    this.holdBack();
  }

  private came(bytes: number): void {
    this.silent = 0;
    this.rate ??= this.makeRate();
    this.rate.take(bytes);
  }

  onDrain(): void {
    this.readOn();
    this.context.delivery.resume(this.subscriber);
  }

  onClose(): void {
    if (this.closed) return;
    this.closed = true;
    this.rate?.stop();
    this.context.delivery.detach(this.subscriber);
    this.context.receipts.leave(this.subscriber);
    this.context.metrics.count('connectionsClosed');
  }

  /**
   * Once per heartbeat: ends a session whose time is over, gives up a client that answered neither of two pings or takes
   * none of what waits for it, and pings one silent since the last heartbeat. Clients heard from lately are not pinged,
   * which halves the cost of idle ones.
   */
  onHeartbeat(): void {
    // Until the close is answered, too.
    if (this.closed) return;
    if (this.context.clock.now() >= this.sessionEnds) {
      this.bye(CloseCode.TOKEN, 'session over', 0);
      return;
    }
    // Its answer to a ping waits behind what it is still being sent.
    if (this.channel.look()) this.silent = 0;
    if (this.silent >= GONE || this.channel.stalled >= GONE) {
      this.context.metrics.count('heartbeatsMissed');
      this.bye(CloseCode.HEARTBEAT, 'no sign of life', 0);
      return;
    }
    // Who is not read cannot be heard.
    if (!this.paused) this.silent += 1;
    this.badFrames = 0;
    if (this.silent >= QUIET) this.channel.ping();
    // In case no drain event came, as happens over TLS.
    if (!this.isBehind) this.onDrain();
  }

  described(): OpenConnection {
    return { clientType: this.origin.clientType, connectedAt: this.connectedAt };
  }

  /** Sessions of this user have been ended or replaced: this one, unless its token is younger. */
  end(revocation: Revocation): void {
    if (!revokes(revocation, this.origin, this.issuedAt)) return;
    this.context.metrics.count('sessionsEnded');
    if (revocation.replaced) this.bye(CloseCode.REPLACED, 'session replaced', 0);
    else this.bye(CloseCode.ENDED, 'session ended', 0);
  }

  /** Says why and closes; `retryAfter` in ms. A peer that does not answer is cut off by `ws` after its close timeout. */
  bye(code: CloseCode, reason: string, retryAfter: number): void {
    if (this.closed) return;
    this.context.delivery.flush();
    this.tell(this.dialect.bye(code, reason, retryAfter));
    this.onClose();
    this.channel.close(code, reason);
    // Its half of the closing handshake comes behind what it has sent.
    if (this.paused) this.channel.setReading(true);
  }

  gapFrame(gap: Gap): Uint8Array {
    return this.dialect.gap(gap, this.origin);
  }

  private onControl(frame: ClientFrame): void {
    switch (frame.op) {
      case 'ack':
        this.onAck(Cursor.parse(frame.cursor));
        return;
      case 'ping':
        this.send(this.dialect.pong(this.position()));
        return;
      case 'renew':
        // No work, and no turn, for what can be none.
        if (!isTokenText(frame.token)) throw new Refusal('UNAUTHENTICATED', 'that is no token');
        this.renewInTurn(frame.token);
    }
  }

  private onAck(cursor: Cursor): void {
    const delivered = this.subscriber.live
      ? (this.context.window.last?.offset ?? -1)
      : this.subscriber.reached;
    if (cursor.offset <= delivered) {
      this.context.receipts.acknowledge(this.subscriber, cursor);
      return;
    }
    // Of the log before, for a client that has not come to the gap yet: no sign of abuse.
    const text = 'ack is ahead of what was delivered';
    this.refuse(new Refusal('BAD_CURSOR', text, 'cursor'), undefined, 'controlRejected');
  }

  private onBody(value: object): void {
    const message = this.context.accept.compose(value, this.origin, this.permission);
    this.inFlight += 1;
    // What waits for the confirm must not hold the whole message: thousands wait when the broker is busy.
    const messageId = message.id;
    this.context.accept.execute(message).then(
      () => {
        this.settled();
        this.context.metrics.count('upstreamAccepted');
        this.send(this.dialect.accepted(messageId));
      },
      (error: unknown) => {
        this.settled();
        this.refuse(error, messageId, 'upstreamRejected');
      },
    );
  }

  private settled(): void {
    this.inFlight -= 1;
    this.readOn();
  }

  private readOn(): void {
    if (this.paused && this.inFlight < MAX_IN_FLIGHT / 2 && !this.isBehind && !this.isTooFast)
      this.pauseReading(false);
  }

  private makeRate(): FrameRate {
    const { settings, clock } = this.context;
    return new FrameRate(settings.clientRate, clock, (exceeded) => {
      if (exceeded) this.context.metrics.count('clientsThrottled');
      else this.readOn();
    });
  }

  private get isTooFast(): boolean {
    return this.rate?.exceeded === true;
  }

  private get isBehind(): boolean {
    return this.channel.buffered > this.context.settings.maxBuffered;
  }

  /** One after the other: the last one says who this is. Counts among what the client has under way. */
  private renewInTurn(token: string): void {
    this.inFlight += 1;
    const renewal =
      this.renewal === undefined ? this.renew(token) : this.renewal.then(() => this.renew(token));
    const ended = renewal
      .catch((error: unknown) => {
        this.refuse(error, undefined, 'controlRejected');
      })
      .then(() => {
        if (this.renewal === ended) this.renewal = undefined;
        this.settled();
      });
    this.renewal = ended;
  }

  private async renew(token: string): Promise<void> {
    const verified = this.context.admit.verify(token);
    this.checkRoom(verified.claims.identity);
    const admission = await this.context.admit.renew(verified);
    if (this.closed) return;
    const { identity } = admission.claims;
    const before = this.origin;
    const same = identity.uniqueId === before.uniqueId && identity.clientType === before.clientType;
    this.origin = { kind: 'client', ...identity };
    this.permission = new SendPermission(admission.claims.grants);
    this.sessionEnds = admission.sessionEnds;
    this.issuedAt = admission.claims.issuedAt;
    const { delivery, window, metrics } = this.context;
    const cursor = same ? Cursor.parse(this.position()) : this.startAt(admission.cursor);
    if (!same) this.began = cursor;
    this.send(this.dialect.welcome(() => this.welcome(cursor, same, admission)));
    const gap = same ? undefined : window.gapAt(cursor);
    if (gap !== undefined) {
      metrics.count('gaps');
      delivery.send(this.subscriber, this.gapFrame(gap));
    }
    const from = gap?.to.offset ?? cursor.offset;
    delivery.resubscribe(this.subscriber, subscriptionOf(admission), from);
  }

  /** Of the session; of the log where that is another one since. */
  private beginningOf({ claims }: Admission): Cursor {
    const began = Cursor.parse(claims.began ?? claims.cursor);
    const gap = this.context.window.gapAt(began);
    return gap?.reason === 'OTHER_LOG' ? gap.to : began;
  }

  /** Whether the user whom this connection is to become may have one more here. */
  private checkRoom(identity: Identity): void {
    const { delivery, settings } = this.context;
    if (identity.uniqueId !== this.origin.uniqueId && !hasRoomFor(identity, delivery, settings))
      throw new Refusal('OVERLOAD', CROWDED);
  }

  /** Where another identity begins: one that lags goes on from where it is, with what it would have got there as well. */
  private startAt(cursor: Cursor): Cursor {
    const { live, position } = this.subscriber;
    return !live && position < cursor.offset ? Cursor.parse(this.position()) : cursor;
  }

  private welcome(cursor: Cursor, resumed: boolean, admission: Admission): WelcomeFrame {
    const { admit, clock, settings } = this.context;
    const { uniqueId, clientType } = admission.claims.identity;
    this.id ??= clock.newId();
    return {
      op: 'welcome',
      connectionId: this.id,
      uniqueId,
      clientType,
      cursor: cursor.toString(),
      resumed,
      heartbeat: settings.heartbeat,
      limits: limitsOf(settings, this.context.memory(clock.now())),
      reconnectToken: admit.reconnectToken(admission, cursor, this.began),
      sessionEnds: this.sessionEnds,
    };
  }

  private refuse(error: unknown, messageId: string | undefined, counter: Refused): void {
    const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL');
    if (refusal !== error) ClientSession.logger.error(error);
    // What a token does not allow says nothing of the client's soundness.
    const counted = refusal.code === 'FORBIDDEN' ? 'upstreamRejected' : counter;
    this.context.metrics.count(counted);
    const cursor = (): string => this.position();
    this.send(this.dialect.rejected(refusal, messageId, this.origin, cursor));
    if (counted === 'framesBad' && ++this.badFrames >= MAX_BAD_FRAMES)
      this.bye(CloseCode.ABUSE, 'too many bad frames', 0);
  }

  /** At once, before all that is delivered. */
  private tell(frame: Uint8Array | undefined): void {
    if (frame !== undefined) this.channel.write([frame]);
  }

  /** Behind what was delivered so far. */
  private send(frame: Uint8Array | undefined): void {
    if (frame !== undefined && !this.closed) this.context.delivery.send(this.subscriber, frame);
  }

  /** The position up to which everything addressed to this client was written. */
  private position(): string {
    const { last } = this.context.window;
    if (this.subscriber.live && last !== undefined) return last.toString();
    return this.context.window.positionAt(this.subscriber.position).toString();
  }

  private pauseReading(paused: boolean): void {
    if (this.closed) return;
    this.paused = paused;
    this.channel.setReading(!paused);
  }
}
