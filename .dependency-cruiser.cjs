/** Layers as allow-lists: what a folder may import, and what to do instead of the rest. */
const npm = (names) => `node_modules/(${names})/`;
const allow = (name, from, may, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { pathNot: may },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    allow(
      'protocol-imports-nothing',
      '^src/protocol/',
      ['^src/protocol/'],
      'The protocol is shared with the browser: keep it free of everything else.',
    ),
    allow(
      'domain-is-pure',
      '^src/domain/',
      ['^src/domain/', '^src/protocol/'],
      'No Nest, no npm, no node: here. Pass what is needed as a parameter or make it a port in src/application/ports.',
    ),
    allow(
      'application-sees-domain',
      '^src/application/',
      [
        '^src/(application|domain|protocol)/',
        npm('@nestjs/common|@nestjs/core|reflect-metadata|rxjs'),
        '^(node:)?crypto$',
      ],
      'Use cases reach the world through src/application/ports; put the library behind a port.',
    ),
    allow(
      'infrastructure-is-an-adapter',
      '^src/infrastructure/',
      [
        '^src/(infrastructure|application|domain|protocol)/',
        npm('@nestjs/(common|jwt)|amqplib|@types/amqplib|@golevelup/[^/]+|prom-client|uuidv7'),
        '^(node:)?(buffer|crypto|os|stream|timers/promises)$',
      ],
      'Adapters fill ports; they know neither the interface nor a business type.',
    ),
    {
      name: 'adapters-keep-apart',
      comment: 'RabbitMQ and the embedded broker share contracts (test/contract), not code.',
      severity: 'error',
      from: { path: '^src/infrastructure/(rabbitmq|embedded)/' },
      to: { path: '^src/infrastructure/(rabbitmq|embedded)/', pathNot: '^src/infrastructure/$1/' },
    },
    allow(
      'interface-is-an-adapter',
      '^src/interface/',
      [
        '^src/(interface|application|domain|protocol)/',
        npm('@nestjs/(common|core|platform-ws|swagger|websockets)|fastify|ws|@types/ws'),
        npm('ajv|class-transformer|class-validator|class-validator-jsonschema'),
        '^(node:)?(buffer|crypto|fs|http|https|net|path|stream|tls|zlib)$',
      ],
      'Call a use case; what infrastructure offers comes through a port.',
    ),
    allow(
      'business-sees-the-contract',
      '^src/business/([^/]+)/',
      [
        '^src/business/$1/',
        '^src/application/handlers/business-handler',
        '^src/domain/message/',
        '^src/protocol/',
        npm('@nestjs/common|class-validator|class-transformer'),
        '^(node:)?(crypto|timers/promises)$',
      ],
      'A business type knows the handler contract and the message, not other types and not the service.',
    ),
    allow(
      'client-runs-in-a-browser',
      '^src/client/',
      ['^src/(client|protocol)/'],
      'The SDK has no dependency and fits in 6 kB: put what it needs of its surroundings into src/client/host.ts.',
    ),
    allow(
      'console-is-a-user-of-the-sdk',
      '^src/console/',
      ['^src/(console|client|protocol)/', npm('@preact/[^/]+|preact|qrcode-generator|uplot')],
      'The console is a page like any other: it uses the SDK and the public REST calls.',
    ),
    {
      name: 'only-app-module-sees-all',
      comment: 'Put the layers together in src/app.module.ts.',
      severity: 'error',
      from: { path: '^src/(?!app\\.module\\.ts|main\\.ts|index\\.ts)' },
      to: { path: '^src/(app\\.module|main|index)\\.ts$' },
    },
    {
      name: 'settings-come-as-slices',
      comment: 'Take a slice of the settings as a constructor parameter.',
      severity: 'error',
      from: { path: '^src/(?!app\\.module\\.ts|main\\.ts|index\\.ts)' },
      to: { path: '^src/settings\\.ts$' },
    },
    {
      name: 'amqp-only-in-rabbitmq',
      comment: 'AMQP stays behind the ports of the log and the queues.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/infrastructure/rabbitmq/' },
      to: { path: npm('amqplib|amqp-connection-manager|@golevelup/[^/]+') },
    },
    {
      name: 'ws-only-in-websocket',
      comment: 'The rest of the program knows a ClientChannel.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/interface/websocket/' },
      to: { path: npm('ws') },
    },
    {
      name: 'no-circles',
      comment: 'Take what both need into a file of its own.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['require', 'node', 'types'],
    },
  },
};
