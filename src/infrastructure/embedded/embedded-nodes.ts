import {
  type ConnectionQuery,
  type FoundConnections,
  Nodes,
  type OpenConnection,
} from '../../application/ports/nodes';

/** Without a broker a node is alone. */
export class EmbeddedNodes extends Nodes {
  private look: (query: ConnectionQuery) => readonly OpenConnection[] = () => [];

  constructor(private readonly name: string) {
    super();
  }

  override start(find: (query: ConnectionQuery) => readonly OpenConnection[]): Promise<void> {
    this.look = find;
    return Promise.resolve();
  }

  override beat(): void {
    // Nobody else has to know that it is there.
  }

  override stop(): Promise<void> {
    return Promise.resolve();
  }

  override find(query: ConnectionQuery): Promise<FoundConnections> {
    const connections = this.look(query).map((one) => ({ ...one, node: this.name }));
    return Promise.resolve({ connections, partial: false });
  }
}
