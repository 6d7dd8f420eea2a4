// A sign-in at oidc-provider by openid-client (authorization code with PKCE), whose ID
// token becomes a grant, an access token, and a tool call.
import { readFileSync } from 'node:fs';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import * as oauth from 'openid-client';
import { discovered, exchange, redeem } from './legs.mjs';

const env = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { issuer, client, redirect_uri } = env.sign_in;

// What a browser does: follows redirects with its cookies until one leads to the client.
async function browse(url) {
  const cookies = new Map();
  for (let page = url, hops = 0; hops < 10; hops += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(page, { redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    if (location === null) throw new Error(`no way on: HTTP ${answer.status}: ${(await answer.text()).slice(0, 200)}`);
    page = new URL(location, page);
    if (page.href.startsWith(redirect_uri)) return page;
  }
  throw new Error('too many redirects');
}

const provider = await oauth.discovery(
  new URL(issuer),
  client.id,
  { id_token_signed_response_alg: 'ES256' },
  oauth.ClientSecretBasic(client.secret),
  { execute: [oauth.allowInsecureRequests] },
);
const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
const [expectedState, expectedNonce] = [oauth.randomState(), oauth.randomNonce()];
const returned = await browse(oauth.buildAuthorizationUrl(provider, {
  redirect_uri,
  scope: 'openid groups',
  state: expectedState,
  nonce: expectedNonce,
  code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
}));
const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
const signedIn = await oauth.authorizationCodeGrant(provider, returned, checks);
const { alg } = JSON.parse(Buffer.from(signedIn.id_token.split('.')[0], 'base64url'));
const { aud, sub } = signedIn.claims();
console.log(`sign-in: ${alg} ID token of ${sub}, aud is a ${typeof aud}`);

const issued = await exchange(env, signedIn.id_token);
console.log(`leg 1: ${issued.issued_token_type.split(':').pop()}`);
const redeemed = await redeem(await discovered(env.authorization_server, env.server_client), issued.access_token);
console.log(`leg 2: ${redeemed.token_type} for ${redeemed.scope}`);

const headers = { authorization: `Bearer ${redeemed.access_token}` };
const mcp = new Client({ name: 'interop', version: '1.0.0' });
await mcp.connect(new StreamableHTTPClientTransport(new URL(env.resource), { requestInit: { headers } }));
const result = await mcp.callTool({ name: 'list_tickets', arguments: {} });
console.log(`tool: ${result.content[0].text.slice(0, 40)}`);
await mcp.close();
