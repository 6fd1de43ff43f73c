// A verifier made of other people's packages: it asks our wallet, and verifies what it shows.

import { createServer } from 'node:http'
import { createPrivateKey } from 'node:crypto'
import { Openid4vpVerifier } from '@openid4vc/openid4vp'
import { DcqlPresentationResult, DcqlQuery } from 'dcql'
import { b64url, callbacks, digest, newKey, now, pair, randomBytes, X509Certificate } from './crypto.mjs'
import { session, verifiedMdoc, verifiedSdJwt } from './formats.mjs'
import { describe, serve } from './lines.mjs'

/** The audience of a request that any wallet may answer (OpenID4VP 1.0 section 5.8). */
const ANY_WALLET = 'https://self-issued.me/v2'

const secrets = []
const parties = {}
const requests = new Map()
let issuers = []
let base

/** Takes keys and certificates, and listens. */
async function listen({ parties: given, issuers: pems }) {
  issuers = pems.map((pem) => new X509Certificate(pem))
  for (const [name, { key, certificate }] of Object.entries(given)) {
    secrets.push(pair(createPrivateKey(key))[0])
    const leaf = new X509Certificate(certificate)
    parties[name] = { x5c: [leaf.raw.toString('base64')], clientId: `x509_hash:${b64url(digest(leaf.raw, 'sha-256'))}` }
  }
  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error) => response.writeHead(500).end(describe(error)),
    )
  })
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  base = `http://127.0.0.1:${server.address().port}`
  return base
}

/** Makes a request as one of the parties and gives its link. */
async function ask({ as, query, method, enc, wrong, transaction_data: entries }) {
  const id = b64url(randomBytes(16))
  const [secret, open] = newKey()
  secrets.push(secret)
  const { x5c, clientId } = parties[as]
  const encryption = { ...open, kid: id, use: 'enc', alg: 'ECDH-ES' }
  const unknown = { type: 'org.example.payment', credential_ids: query.credentials.map(({ id }) => id), amount: '12.00' }
  const data = wrong === 'transaction_data' ? [unknown] : entries
  const payload = {
    response_type: 'vp_token',
    response_mode: wrong === 'unencrypted' ? 'direct_post' : 'direct_post.jwt',
    client_id: ['client_id', 'object_client_id'].includes(wrong) ? parties.unlisted.clientId : clientId,
    response_uri: `${base}/response/${id}`,
    nonce: b64url(randomBytes(32)),
    state: b64url(randomBytes(16)),
    dcql_query: query,
    client_metadata: {
      jwks: { keys: [encryption] },
      encrypted_response_enc_values_supported: [enc],
      vp_formats_supported: {
        'dc+sd-jwt': { 'sd-jwt_alg_values': ['ES256'], 'kb-jwt_alg_values': ['ES256'] },
        mso_mdoc: { issuerauth_alg_values: [-7], deviceauth_alg_values: [-7] },
      },
    },
    transaction_data: data?.map((entry) => b64url(JSON.stringify(entry))),
  }
  const asked = { id, x5c, payload, encryption, wrong, method, fetched: null, told: null, result: null }
  requests.set(id, asked)
  const { authorizationRequest } = await signed(asked)
  const link = new URL(authorizationRequest)
  if (method === 'post') link.searchParams.set('request_uri_method', 'post')
  if (wrong === 'object_client_id') link.searchParams.set('client_id', clientId)
  if (wrong === 'link_client_id') link.searchParams.set('client_id', parties.unlisted.clientId)
  return { id, link: link.toString() }
}

/** The signed request object, with the nonce of the wallet where it gave one. */
function signed({ id, x5c, payload, wrong }, walletNonce) {
  const hourAgo = wrong === 'expired' ? new Date(Date.now() - 3_600_000) : undefined
  return new Openid4vpVerifier({ callbacks: callbacks(secrets, []) }).createOpenId4vpAuthorizationRequest({
    authorizationRequestPayload: { ...payload, wallet_nonce: walletNonce },
    wallet: walletNonce ? { expectedNonce: walletNonce } : undefined,
    jar: {
      requestUri: `${base}/request/${id}`,
      jwtSigner: { method: 'x5c', x5c, alg: 'ES256' },
      expiresInSeconds: 300,
      now: hourAgo,
      // The package would name the address of the request object.
      additionalJwtPayload: wrong === 'audience' ? undefined : { aud: ANY_WALLET },
    },
  })
}

/** The two calls of a wallet. */
async function answer(request) {
  const [, kind, id] = new URL(request.url, base).pathname.split('/')
  const asked = requests.get(id)
  if (!asked) return { status: 404, type: 'text/plain', body: '' }
  let text = ''
  for await (const chunk of request) text += chunk
  const form = Object.fromEntries(new URLSearchParams(text))
  if (kind === 'request') {
    if (request.method.toLowerCase() !== asked.method) return { status: 405, type: 'text/plain', body: '' }
    asked.fetched = request.method
    asked.told = form.wallet_metadata ? JSON.parse(form.wallet_metadata) : null
    const nonce = asked.wrong === 'wallet_nonce' ? b64url(randomBytes(32)) : form.wallet_nonce
    const { jar } = await signed(asked, nonce)
    return { status: 200, type: 'application/oauth-authz-req+jwt', body: jar.authorizationRequestJwt }
  }
  try {
    asked.result = form.error ? { refused: form.error } : await verified(asked, form)
  } catch (error) {
    asked.result = { failed: describe(error) }
  }
  const accepted = asked.result.claims !== undefined
  const body = JSON.stringify(accepted || form.error ? {} : { error: 'invalid_request' })
  return { status: accepted || form.error ? 200 : 400, type: 'application/json', body }
}

/** Decrypts, verifies every presentation, and sees that the query is answered. */
async function verified({ payload, encryption, wrong }, form) {
  const verifier = new Openid4vpVerifier({ callbacks: callbacks(secrets, []) })
  const response = await verifier.parseOpenid4vpAuthorizationResponse({
    authorizationResponse: form,
    authorizationRequestPayload: payload,
    callbacks: verifier.options.callbacks,
  })
  const nonce = wrong === 'expects_another_nonce' ? b64url(randomBytes(32)) : payload.nonce
  const audience = wrong === 'expects_another_audience' ? parties.unlisted.clientId : payload.client_id
  const query = DcqlQuery.parse(payload.dcql_query)
  const shown = {}
  const bindings = {}
  for (const [id, presentations] of Object.entries(response.dcql.presentations)) {
    const { format } = query.credentials.find((credential) => credential.id === id)
    shown[id] = []
    for (const text of presentations) {
      const exchange = { clientId: audience, nonce, responseUri: payload.response_uri, encryption }
      const found = format === 'mso_mdoc'
        ? await verifiedMdoc({ text, roots: issuers, transcript: await session(exchange) })
        : await verifiedSdJwt({ text, roots: issuers, audience, nonce, time: now() })
      shown[id].push(found.shown)
      bindings[id] = [...(bindings[id] ?? []), found.binding]
    }
  }
  const result = DcqlPresentationResult.fromDcqlPresentation(shown, { dcqlQuery: query })
  DcqlPresentationResult.validate(result)
  if (payload.transaction_data) {
    await verifier.verifyTransactionData({ transactionData: payload.transaction_data, credentials: bindings })
  }
  const claims = Object.fromEntries(Object.entries(shown).map(([id, [one]]) => [id, one.claims ?? one.namespaces]))
  const header = JSON.parse(Buffer.from(form.response.split('.')[0], 'base64url'))
  return { claims, bindings, header }
}

/** How a request stands. */
function result({ id }) {
  const { fetched, told, result } = requests.get(id)
  return { fetched, told, ...result }
}

await serve({ listen, ask, result })
