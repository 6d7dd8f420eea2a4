// openid-client, a plain OAuth client: token exchange, JWT bearer, introspection and
// revocation with nothing but the standards, credentials percent-encoded in Basic.
import { readFileSync } from 'node:fs';
import * as oauth from 'openid-client';
import { discovered, exchange, redeem } from './legs.mjs';

const env = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const issued = await exchange(env, env.id_token);
console.log(`token exchange: ${issued.issued_token_type.split(':').pop()}`);

const server = await discovered(env.authorization_server, env.server_client);
const redeemed = await redeem(server, issued.access_token);
console.log(`jwt-bearer: ${redeemed.token_type} for ${redeemed.scope}`);

const resourceServer = await discovered(env.authorization_server, env.resource_server);
const active = async () => (await oauth.tokenIntrospection(resourceServer, redeemed.access_token)).active;
console.log(`introspection: active ${await active()}`);
await oauth.tokenRevocation(server, redeemed.access_token);
console.log(`after revocation: active ${await active()}`);

try {
  await redeem(server, issued.access_token);
  throw new Error('a replay got a token');
} catch (error) {
  if (error.error !== 'invalid_grant') throw error;
  console.log(`replay: ${error.error}`);
}

// The same with a key: grant and token are worth nothing without it.
const keys = await oauth.randomDPoPKeyPair('ES256');
const held = await exchange(env, env.id_token, keys);
console.log(`token exchange with DPoP: ${held.token_type}`);
for (const [whose, presented] of [['no key', undefined], ['another key', await oauth.randomDPoPKeyPair('ES256')]]) {
  try {
    await redeem(server, held.access_token, presented);
    throw new Error(`a bound grant was redeemed with ${whose}`);
  } catch (error) {
    if (error.error !== 'invalid_grant') throw error;
    console.log(`bound grant with ${whose}: ${error.error}`);
  }
}
const kept = await redeem(server, held.access_token, keys);
const told = await oauth.tokenIntrospection(resourceServer, kept.access_token);
console.log(`jwt-bearer with DPoP: ${kept.token_type}, bound ${told.cnf.jkt.length === 43}`);
