// Both legs by openid-client, which knows OAuth and nothing of this service.
import * as oauth from 'openid-client';

const TYPE = 'urn:ietf:params:oauth:token-type';
const GRANT = 'urn:ietf:params:oauth:grant-type';
// The service of the demo speaks plain HTTP on loopback.
const options = { execute: [oauth.allowInsecureRequests], algorithm: 'oauth2' };

export const discovered = (issuer, client) =>
  oauth.discovery(new URL(issuer), client.id, undefined, oauth.ClientSecretBasic(client.secret), options);

// With a key pair both are bound to it (RFC 9449); the library sends the nonces it is told.
const bound = (server, keys) => (keys ? { DPoP: oauth.getDPoPHandle(server, keys) } : undefined);

export const exchange = async (env, idToken, keys) => {
  const issuer = await discovered(env.grant_issuer, env.grants_client);
  const parameters = {
    requested_token_type: `${TYPE}:id-jag`,
    audience: env.authorization_server,
    resource: env.resource,
    scope: 'tickets:read',
    subject_token: idToken,
    subject_token_type: `${TYPE}:id_token`,
  };
  return oauth.genericGrantRequest(issuer, `${GRANT}:token-exchange`, parameters, bound(issuer, keys));
};

export const redeem = (server, assertion, keys) =>
  oauth.genericGrantRequest(server, `${GRANT}:jwt-bearer`, { assertion }, bound(server, keys));
