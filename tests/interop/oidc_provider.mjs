// oidc-provider as a second OpenID provider of the company, on loopback: ES256 ID tokens
// with one audience. Whoever comes is signed in as its only person, since nobody sits
// in front of the test; the rest of the flow is the provider's own.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { sign_in: env } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });

const provider = new Provider(env.issuer, {
  clients: [{
    client_id: env.client.id,
    client_secret: env.client.secret,
    redirect_uris: [env.redirect_uri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    id_token_signed_response_alg: 'ES256',
  }],
  jwks: { keys: [{ ...key, kid: 'es256', use: 'sig', alg: 'ES256' }] },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  claims: { openid: ['sub'], groups: ['groups'] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...env.claims }) }),
  interactions: { url: (_context, interaction) => `/sign-in/${interaction.uid}` },
  async loadExistingGrant(context) {
    const { client, session, provider: { Grant } } = context.oidc;
    const grant = new Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid groups');
    await grant.save();
    return grant;
  },
});

const handle = provider.callback();
createServer((request, response) =>
  request.url.startsWith('/sign-in/')
    ? provider.interactionFinished(request, response, { login: { accountId: env.subject, amr: ['pwd'] } })
    : handle(request, response),
).listen(new URL(env.issuer).port, '127.0.0.1');
