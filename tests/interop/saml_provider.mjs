// samlify as the directory's SAML side: signs Alice in, and cuts the bare assertions out of
// the responses, byte for byte. Prints one a line, in base64url.
import { readFileSync } from 'node:fs';
import * as samlify from 'samlify';

const { saml } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';
const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';

// As the library has it, and what it leaves to its users: the sign-in itself.
const signIn =
  '<saml:AuthnStatement AuthnInstant="{IssueInstant}"><saml:AuthnContext><saml:AuthnContextClassRef>' +
  'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport' +
  '</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>';
const context = samlify.SamlLib.defaultLoginResponseTemplate.context.replace('{AuthnStatement}', signIn);

const provider = samlify.IdentityProvider({
  entityID: saml.entity_id,
  privateKey: saml.private_key,
  signingCert: saml.certificate,
  isAssertionEncrypted: false,
  nameIDFormat: [PERSISTENT],
  singleSignOnService: [{ Binding: POST, Location: 'http://127.0.0.1/sign-in' }],
  loginResponseTemplate: {
    context,
    attributes: [
      { name: 'groups', nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic', valueTag: 'groups', valueXsiType: 'xs:string' },
    ],
  },
});
const client = samlify.ServiceProvider({
  entityID: saml.audience,
  wantAssertionsSigned: true,
  assertionConsumerService: [{ Binding: POST, Location: saml.recipient }],
});

const instant = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();

const filled = (template) => {
  const id = `_${crypto.randomUUID()}`;
  const tags = {
    ID: `_${crypto.randomUUID()}`,
    AssertionID: id,
    Destination: saml.recipient,
    Audience: saml.audience,
    EntityID: saml.audience,
    SubjectRecipient: saml.recipient,
    Issuer: saml.entity_id,
    IssueInstant: instant(0),
    AssertionConsumerServiceURL: saml.recipient,
    StatusCode: 'urn:oasis:names:tc:SAML:2.0:status:Success',
    ConditionsNotBefore: instant(-5),
    ConditionsNotOnOrAfter: instant(240),
    SubjectConfirmationDataNotOnOrAfter: instant(240),
    NameIDFormat: PERSISTENT,
    NameID: saml.person,
    InResponseTo: '_request',
    attrGroups: saml.group,
  };
  return { id, context: samlify.SamlLib.replaceTagsByValue(template, tags) };
};

for (let count = 0; count < saml.assertions; count += 1) {
  const { context: response } = await provider.createLoginResponse(client, {}, 'post', {}, filled);
  const message = Buffer.from(response, 'base64').toString('utf8');
  const assertion = message.slice(message.indexOf('<saml:Assertion'), message.indexOf('</saml:Assertion>') + 17);
  console.log(Buffer.from(assertion, 'utf8').toString('base64url'));
}
