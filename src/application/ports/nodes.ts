import type { Address } from '../../domain/routing/service-reach';

/** Whose connections are looked for; `clientType` empty = of every type. */
export interface ConnectionQuery {
  readonly uniqueId: string;
  readonly clientType: string;
}

/** An open connection, as its node tells of it. */
export interface OpenConnection {
  readonly clientType: string;
  /** ms since epoch. */
  readonly connectedAt: number;
}

/** The open connections of a user, with the node that each of them is at. */
export interface FoundConnections {
  readonly connections: readonly (OpenConnection & { readonly node: string })[];
  /** True when a node that may have others did not answer in time. */
  readonly partial: boolean;
}

/** A message to clients; `sender`: uniqueId of the client that sent it, undefined when none did. */
export interface MessageQuery {
  readonly messageId: string;
  readonly sender: string | undefined;
  /** True when a node without the message is to catch up with the log before it says so. */
  readonly forSure: boolean;
}

/** A message, as a node tells of it; times in ms since epoch. */
export interface FoundMessage {
  readonly cursor: string;
  /** Absent from a node of a build before. */
  readonly address?: Address;
  /** False for a message to many, of which each partition of the log has a copy. */
  readonly isUnicast: boolean;
  /** 0 when its publisher did not say. */
  readonly loggedAt: number;
  /** 0 = never. */
  readonly expiresAt: number;
  /** Open connections of the node that were sent it. */
  readonly connections: number;
  readonly acknowledged?: Acknowledged;
}

/** By whom, and when (ms since epoch), a message was acknowledged first. */
export interface Acknowledged {
  readonly uniqueId: string;
  readonly clientType: string;
  readonly at: number;
}

/** What the nodes that have a message tell of it. */
export interface FoundMessages {
  readonly messages: readonly FoundMessage[];
  /** True when a node that may have it did not answer in time. */
  readonly partial: boolean;
}

/** What a node tells the others of itself. */
export interface NodeView {
  connections(query: ConnectionQuery): readonly OpenConnection[];
  /** Rejects when the node cannot say. */
  message(query: MessageQuery): Promise<FoundMessage | undefined>;
}

/** All nodes of the service, this one included. */
export abstract class Nodes {
  /** Joins the others, who are told what `view` shows. */
  abstract start(view: NodeView): Promise<void>;
  /** Called once a second. */
  abstract beat(): void;
  abstract stop(): Promise<void>;
  /** Asks every node. Rejects with UNAVAILABLE when the others cannot be asked. */
  abstract find(query: ConnectionQuery): Promise<FoundConnections>;
  /** The same for a message. */
  abstract trace(query: MessageQuery): Promise<FoundMessages>;
}
