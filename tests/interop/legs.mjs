// Both legs by openid-client, which knows OAuth and nothing of this service.
import * as oauth from 'openid-client';

const TYPE = 'urn:ietf:params:oauth:token-type';
const GRANT = 'urn:ietf:params:oauth:grant-type';
// The service of the demo speaks plain HTTP on loopback.
const options = { execute: [oauth.allowInsecureRequests], algorithm: 'oauth2' };

export const discovered = (issuer, client) =>
  oauth.discovery(new URL(issuer), client.id, undefined, oauth.ClientSecretBasic(client.secret), options);

export const exchange = async (env, idToken) =>
  oauth.genericGrantRequest(await discovered(env.grant_issuer, env.grants_client), `${GRANT}:token-exchange`, {
    requested_token_type: `${TYPE}:id-jag`,
    audience: env.authorization_server,
    resource: env.resource,
    scope: 'tickets:read',
    subject_token: idToken,
    subject_token_type: `${TYPE}:id_token`,
  });

export const redeem = (server, assertion) =>
  oauth.genericGrantRequest(server, `${GRANT}:jwt-bearer`, { assertion });
