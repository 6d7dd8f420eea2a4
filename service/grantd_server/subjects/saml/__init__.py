"""SAML 2.0 assertions: from base64 to what a verified assertion says.

Only `assertion` and `conditions` may be imported before an assertion is read: the others
need lxml and signxml, which the extra `saml` installs.
"""
