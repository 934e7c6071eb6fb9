import { CloseCode, shouldReconnect } from '../../protocol/close-codes';
import { ERRORS, errorRow } from '../../protocol/codes';
import { SUBPROTOCOL } from '../../protocol/frames';
import { type DeliveredBody, RECEIPT } from '../../protocol/unified-body';
import type { ObjectSchema } from '../body-validator';
import { CLIENT_FRAMES, SERVER_FRAMES } from '../frame-schemas';

/** Names of the exchanges that are open to backends. */
export interface Exchanges {
  readonly push: string;
  readonly upstream: string;
}

type Part = Readonly<Record<string, unknown>>;

const SENT: readonly (keyof DeliveredBody)[] = ['timestamp', 'messageId'];

/**
 * Describes sockets and exchanges as AsyncAPI 3.0. `publicUrls` is what clients connect to, one for each partition; `body` the
 * schema that bodies are checked against.
 */
export function asyncApi(
  version: string,
  publicUrls: readonly string[],
  exchanges: Exchanges,
  body: ObjectSchema,
): Part {
  const gateways = gatewayServers(publicUrls);
  const schemas = {
    body: {
      ...body,
      description: 'null, and "" where a string may be absent, count as absent',
    },
    delivered: withFields(withNulls(body), SENT.concat('cursor'), {
      cursor: { type: 'string', description: 'The position to resume from' },
    }),
    upstream: withFields(body, SENT.concat('fromUniqueId')),
    ...SERVER_FRAMES,
    ...CLIENT_FRAMES,
  };
  return {
    asyncapi: '3.0.0',
    info: { title: 'Wirepost', version, description: 'Sockets of clients, exchanges of backends' },
    defaultContentType: 'application/json',
    servers: {
      ...gateways,
      broker: {
        host: '{broker}',
        protocol: 'amqp',
        protocolVersion: '0.9.1',
        variables: { broker: { description: 'RabbitMQ, where the service has one' } },
      },
    },
    channels: {
      socket: socketChannel(Object.keys(gateways)),
      push: exchangeChannel(exchanges.push, 'fanout', {
        address: exchanges.push,
        description: 'Publish persistent, with confirms and mandatory; the routing key is ignored',
        messages: messages(['body']),
      }),
      upstream: exchangeChannel(exchanges.upstream, 'topic', {
        address: '{businessType}',
        parameters: {
          businessType: {
            description: `Of the body; bind a queue of your own. ${RECEIPT}: who acknowledged a message`,
          },
        },
        messages: messages(['upstream']),
      }),
    },
    operations: {
      deliver: operation('send', 'socket', ['delivered', ...Object.keys(SERVER_FRAMES)]),
      hear: operation('receive', 'socket', ['body', ...Object.keys(CLIENT_FRAMES)]),
      takePush: operation('receive', 'push', ['body']),
      passUpstream: operation('send', 'upstream', ['upstream']),
    },
    components: { schemas },
  };
}

function gatewayServers(urls: readonly string[]): Readonly<Record<string, Part>> {
  const servers = urls.map((text, i) => {
    const { host, protocol, pathname } = new URL(text);
    const server = { host, protocol: protocol.slice(0, -1), pathname };
    return [urls.length === 1 ? 'gateway' : `partition-${String(i)}`, server];
  });
  return Object.fromEntries(servers) as Record<string, Part>;
}

/** A body that another program has published comes as it was written, with null where a field may be absent. */
function withNulls(body: ObjectSchema): ObjectSchema {
  const properties = Object.entries(body.properties).map(([name, schema]) => [
    name,
    body.required.includes(name) ? schema : { anyOf: [schema, { type: 'null' }] },
  ]);
  return { ...body, properties: Object.fromEntries(properties) as ObjectSchema['properties'] };
}

function withFields(
  { properties, required, ...rest }: ObjectSchema,
  names: readonly string[],
  more: ObjectSchema['properties'] = {},
): ObjectSchema {
  return { ...rest, properties: { ...properties, ...more }, required: [...required, ...names] };
}

function socketChannel(servers: readonly string[]): Part {
  return {
    address: '/socket/{token}',
    servers: servers.map((name) => reference('servers', name)),
    parameters: { token: { description: 'Of GET /websocket/token, or a reconnect token' } },
    messages: messages([
      'delivered',
      ...Object.keys(SERVER_FRAMES),
      'body',
      ...Object.keys(CLIENT_FRAMES),
    ]),
    bindings: {
      ws: {
        method: 'GET',
        query: {
          type: 'object',
          properties: { cursor: { type: 'string', description: 'Deliveries start after it' } },
        },
        headers: {
          type: 'object',
          description: 'Without the subprotocol there are bodies only',
          properties: { 'Sec-WebSocket-Protocol': { const: SUBPROTOCOL } },
        },
        bindingVersion: '0.1.0',
      },
    },
    'x-errors': ERRORS,
    'x-close-codes': Object.entries(CloseCode).map(([name, code]) => ({
      code,
      name,
      reconnect: shouldReconnect(code),
      errors: errorsOf(code),
    })),
  };
}

function errorsOf(code: CloseCode): readonly string[] {
  const names = Object.keys(ERRORS) as readonly (keyof typeof ERRORS)[];
  return names.filter((name) => errorRow(name).close === code);
}

/** The address of an exchange's channel is the routing key. */
function exchangeChannel(name: string, type: 'fanout' | 'topic', channel: Part): Part {
  const exchange = { name, type, durable: true, autoDelete: false };
  return {
    ...channel,
    servers: [reference('servers', 'broker')],
    bindings: { amqp: { is: 'routingKey', exchange, bindingVersion: '0.3.0' } },
  };
}

function messages(names: readonly string[]): Part {
  return Object.fromEntries(
    names.map((name) => [name, { name, payload: reference('components/schemas', name) }]),
  );
}

function operation(action: 'send' | 'receive', channel: string, names: readonly string[]): Part {
  return {
    action,
    channel: reference('channels', channel),
    messages: names.map((name) => reference(`channels/${channel}/messages`, name)),
  };
}

function reference(place: string, name: string): { readonly $ref: string } {
  return { $ref: `#/${place}/${name}` };
}
