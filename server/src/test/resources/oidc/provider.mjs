// A real provider of OpenID Connect for tests: the certified 'oidc-provider', with its own pages for
// signing in, behind a door that can do to its answers what an attacker would.
//   node provider.mjs REDIRECT_URI
// prints the issuer. POST /door?keys=…&nonce=… sets what the door does; POST /door?rotate=1 gives the
// provider another key.
import http from 'node:http';
import crypto from 'node:crypto';
import Provider from 'oidc-provider';

const redirect = process.argv[2];
const door = { keys: '', nonce: '' };

function key(kid) {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

function publicOf({ kty, n, e, kid, use, alg }) {
  return { kty, n, e, kid, use, alg };
}

let issuer;
let handle;
let current;

function start(kid) {
  current = key(kid);
  const provider = new Provider(issuer, {
    jwks: { keys: [current] },
    cookies: { keys: ['for tests'] },
    clients: [
      {
        client_id: 'site',
        client_secret: 'a secret & more',
        redirect_uris: [redirect],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    findAccount: (ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@id.test`, email_verified: true, name: `The ${sub}` }),
    }),
  });
  handle = provider.callback();
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/door') {
    for (const [name, value] of url.searchParams) door[name] = value;
    if (url.searchParams.has('rotate')) start(`key-${Date.now()}`);
    response.end();
  } else if (url.pathname === '/jwks' && door.keys === 'other') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [publicOf(key(current.kid))] }));
  } else {
    if (url.pathname === '/auth' && door.nonce !== '' && url.searchParams.has('nonce')) {
      url.searchParams.set('nonce', door.nonce);
      request.url = url.pathname + url.search;
    }
    handle(request, response);
  }
});

server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  start('key-1');
  console.log(issuer);
});

// It ends with the test, however that ends.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
