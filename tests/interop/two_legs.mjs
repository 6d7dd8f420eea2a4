// The official TypeScript client: leg 1 and leg 2 by its helpers, then both by its
// provider inside an MCP client that calls a tool. Prints one line a step.
import { readFileSync } from 'node:fs';
import {
  Client,
  CrossAppAccessProvider,
  StreamableHTTPClientTransport,
  discoverAndRequestJwtAuthGrant,
  exchangeJwtAuthGrant,
} from '@modelcontextprotocol/client';

const env = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const asked = (audience, resource, scope) => ({
  idpUrl: env.grant_issuer,
  audience,
  resource,
  scope,
  idToken: env.id_token,
  clientId: env.grants_client.id,
  clientSecret: env.grants_client.secret,
});

const grant = await discoverAndRequestJwtAuthGrant(asked(env.authorization_server, env.resource, 'tickets:read'));
console.log(`leg 1 by discoverAndRequestJwtAuthGrant: scope ${grant.scope}, ${grant.expiresIn} s`);

for (const authMethod of ['client_secret_basic', 'client_secret_post']) {
  const fresh = await discoverAndRequestJwtAuthGrant(asked(env.authorization_server, env.resource, 'tickets:read'));
  const tokens = await exchangeJwtAuthGrant({
    tokenEndpoint: `${env.authorization_server}/token`,
    jwtAuthGrant: fresh.jwtAuthGrant,
    clientId: env.server_client.id,
    clientSecret: env.server_client.secret,
    authMethod,
  });
  console.log(`leg 2 by exchangeJwtAuthGrant, ${authMethod}: ${tokens.token_type} for ${tokens.scope}`);
}

const provider = new CrossAppAccessProvider({
  clientId: env.server_client.id,
  clientSecret: env.server_client.secret,
  expectedIssuer: env.authorization_server,
  assertion: async (context) => {
    const { authorizationServerUrl, resourceUrl, scope } = context;
    return (await discoverAndRequestJwtAuthGrant(asked(authorizationServerUrl, resourceUrl, scope))).jwtAuthGrant;
  },
});
const client = new Client({ name: 'interop', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(env.resource), { authProvider: provider }));
const result = await client.callTool({ name: 'list_tickets', arguments: {} });
console.log(`tool by CrossAppAccessProvider: ${result.content[0].text.slice(0, 40)}`);
await client.close();
