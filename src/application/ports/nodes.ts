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

/** All nodes of the service, this one included. */
export abstract class Nodes {
  /** Joins the others; `find` looks for connections of this node. */
  abstract start(find: (query: ConnectionQuery) => readonly OpenConnection[]): Promise<void>;
  /** Called once a second. */
  abstract beat(): void;
  abstract stop(): Promise<void>;
  /** Asks every node. Rejects with UNAVAILABLE when the others cannot be asked. */
  abstract find(query: ConnectionQuery): Promise<FoundConnections>;
}
