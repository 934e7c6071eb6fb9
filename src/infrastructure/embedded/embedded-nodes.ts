import {
  type ConnectionQuery,
  type FoundConnections,
  type FoundMessages,
  type MessageQuery,
  Nodes,
  type NodeView,
} from '../../application/ports/nodes';

/** Without a broker a node is alone. */
export class EmbeddedNodes extends Nodes {
  private view: NodeView | undefined;

  constructor(private readonly name: string) {
    super();
  }

  override start(view: NodeView): Promise<void> {
    this.view = view;
    return Promise.resolve();
  }

  override beat(): void {
    // Nobody else has to know that it is there.
  }

  override stop(): Promise<void> {
    return Promise.resolve();
  }

  override find(query: ConnectionQuery): Promise<FoundConnections> {
    const found = this.view?.connections(query) ?? [];
    const connections = found.map((one) => ({ ...one, node: this.name }));
    return Promise.resolve({ connections, partial: false });
  }

  override async trace(query: MessageQuery): Promise<FoundMessages> {
    const message = await this.view?.message(query);
    return { messages: message === undefined ? [] : [message], partial: false };
  }
}
