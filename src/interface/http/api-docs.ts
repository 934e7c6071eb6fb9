import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

import { type ObjectSchema, unifiedBodySchema } from '../body-validator';
import { UnifiedBodyDto } from '../unified-body.dto';
import { asyncApi, type Exchanges } from './async-api';
import { ClientBundle } from './client.controller';

/**
 * Serves the OpenAPI description of the REST calls, and a page to try them, at /docs, and the AsyncAPI description of sockets
 * and exchanges at /docs/asyncapi.
 */
export function serveApiDocs(
  app: INestApplication,
  publicUrls: readonly string[],
  exchanges: Exchanges,
): void {
  const config = new DocumentBuilder()
    .setTitle('Wirepost')
    .setDescription('Tokens, pushes and health')
    .addBearerAuth()
    .build();
  let document: OpenAPIObject | undefined;
  const openApi = (): OpenAPIObject => (document ??= SwaggerModule.createDocument(app, config));
  SwaggerModule.setup('docs', app, openApi, { raw: ['json'] });
  const { version } = app.get(ClientBundle);
  app
    .getHttpAdapter()
    .get('/docs/asyncapi', () =>
      asyncApi(version, publicUrls, exchanges, describedBody(openApi())),
    );
}

/** What bodies are checked against, with the words that the OpenAPI description has for it. */
function describedBody({ components }: OpenAPIObject): ObjectSchema {
  const described = components?.schemas?.[UnifiedBodyDto.name] ?? {};
  const texts = 'properties' in described ? described.properties : undefined;
  const schema = unifiedBodySchema();
  const properties = Object.entries(schema.properties).map(([name, rules]) => {
    const text = texts?.[name];
    return [
      name,
      text === undefined || '$ref' in text ? rules : { ...rules, description: text.description },
    ];
  });
  return { ...schema, properties: Object.fromEntries(properties) as Record<string, object> };
}
