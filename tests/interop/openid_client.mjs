// openid-client, a plain OAuth client: token exchange, JWT bearer, introspection and
// revocation with nothing but the standards, credentials percent-encoded in Basic.
import { readFileSync } from 'node:fs';
import * as oauth from 'openid-client';

const env = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const options = { execute: [oauth.allowInsecureRequests], algorithm: 'oauth2' };

const discovered = (issuer, client) =>
  oauth.discovery(new URL(issuer), client.id, undefined, oauth.ClientSecretBasic(client.secret), options);

const issuer = await discovered(env.grant_issuer, env.grants_client);
const issued = await oauth.genericGrantRequest(issuer, 'urn:ietf:params:oauth:grant-type:token-exchange', {
  requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
  audience: env.authorization_server,
  resource: env.resource,
  scope: 'tickets:read',
  subject_token: env.id_token,
  subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
});
console.log(`token exchange: ${issued.issued_token_type}`);

const server = await discovered(env.authorization_server, env.server_client);
const redeemed = await oauth.genericGrantRequest(server, 'urn:ietf:params:oauth:grant-type:jwt-bearer', {
  assertion: issued.access_token,
});
console.log(`jwt-bearer: ${redeemed.token_type} for ${redeemed.scope}`);

await oauth.tokenRevocation(server, redeemed.access_token);
console.log('revocation: 200');
try {
  await oauth.genericGrantRequest(server, 'urn:ietf:params:oauth:grant-type:jwt-bearer', { assertion: issued.access_token });
  throw new Error('a replay got a token');
} catch (error) {
  if (error.error !== 'invalid_grant') throw error;
  console.log(`replay: ${error.error}`);
}
