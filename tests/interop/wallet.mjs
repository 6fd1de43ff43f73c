// A wallet made of other people's packages: it accepts an offer of our issuer and answers requests of our verifier, rightly
// or, where told to, wrongly.

import { Openid4vciClient } from '@openid4vc/openid4vci'
import { Openid4vpClient } from '@openid4vc/openid4vp'
import { DcqlQuery } from 'dcql'
import { b64url, callbacks, newKey, now, randomBytes, X509Certificate } from './crypto.mjs'
import { presentMdoc, presentSdJwt, received, session } from './formats.mjs'
import { serve } from './lines.mjs'

/** The formats that it can hold. */
const HELD = ['dc+sd-jwt', 'mso_mdoc']

const secrets = []
const held = []
let trusted = { issuers: [], verifiers: [] }
let last

const read = (pems) => pems.map((pem) => new X509Certificate(pem))

function freshKey() {
  const [secret, open] = newKey()
  secrets.push(secret)
  return { secret, open, signer: { method: 'jwk', alg: 'ES256', publicJwk: open } }
}

/** Whose signatures count. */
function trust({ issuers, verifiers }) {
  trusted = { issuers: read(issuers), verifiers: read(verifiers) }
}

/** An offer to credentials: one of each configuration in a format that can be held, each with a key of its own. */
async function accept({ offer: link, tx_code: txCode }) {
  const client = new Openid4vciClient({ callbacks: callbacks(secrets, []) })
  const offer = await client.resolveCredentialOffer(link)
  const metadata = await client.resolveIssuerMetadata(offer.credential_issuer)
  let dpop = { signer: freshKey().signer }
  const token = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer: offer,
    issuerMetadata: metadata,
    txCode,
    dpop,
  })
  dpop = { ...dpop, ...token.dpop }
  for (const configuration of offer.credential_configuration_ids) {
    const { format } = metadata.credentialIssuer.credential_configurations_supported[configuration]
    if (!HELD.includes(format)) continue
    const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata: metadata })
    const { secret, open, signer } = freshKey()
    const proof = await client.createCredentialRequestJwtProof({
      issuerMetadata: metadata,
      credentialConfigurationId: configuration,
      issuedAt: new Date(),
      nonce,
      signer,
    })
    const answer = await client.retrieveCredentials({
      issuerMetadata: metadata,
      credentialConfigurationId: configuration,
      proofs: { jwt: [proof.jwt] },
      accessToken: token.accessTokenResponse.access_token,
      dpop,
    })
    dpop = { ...dpop, ...answer.dpop }
    const [{ credential: text }] = answer.credentialResponse.credentials
    held.push({ configuration, text, secret, claims: await received({ format, text, open, roots: trusted.issuers }) })
  }
  return held.map(({ configuration, claims }) => ({
    configuration,
    format: claims.credential_format,
    type: claims.vct ?? claims.doctype,
    claims: Object.keys(claims.claims ?? Object.assign({}, ...Object.values(claims.namespaces))),
  }))
}

/** Fetches and verifies a request, answers it as `enc` says, and tells what the verifier said. */
async function present({ link, enc, apu, wrong }) {
  const client = new Openid4vpClient({ callbacks: callbacks(secrets, trusted.verifiers) })
  const parsed = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link })
  const { authorizationRequestPayload: request, client: verifier } = await client.resolveOpenId4vpAuthorizationRequest({
    authorizationRequestPayload: parsed.params,
  })
  const encryption = request.client_metadata.jwks.keys[0]
  const nonce = wrong === 'nonce' ? b64url(randomBytes(32)) : request.nonce
  const audience = wrong === 'audience' ? `x509_hash:${b64url(randomBytes(32))}` : verifier.effective
  const vpToken = {}
  for (const { id, credential, chosen } of chosenFor(request.dcql_query)) {
    const { text, secret, claims } = credential
    if (claims.credential_format === 'dc+sd-jwt') {
      const issuedAt = wrong === 'stale' ? now() - 3600 : now()
      vpToken[id] = [await presentSdJwt({ text, secret, chosen, audience, nonce, issuedAt })]
    } else {
      const transcript = await session({ clientId: audience, nonce, responseUri: request.response_uri, encryption })
      vpToken[id] = [await presentMdoc({ text, secret, chosen, doctype: claims.doctype, transcript })]
    }
  }
  // The package takes the state and the kind of answer from the request it is given.
  const asked = { ...request }
  if (wrong === 'state') asked.state = b64url(randomBytes(32))
  if (wrong === 'unencrypted') asked.response_mode = 'direct_post'
  const answer = await client.createOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: asked,
    authorizationResponsePayload: { vp_token: vpToken },
    jarm: wrong === 'unencrypted' ? undefined : {
      encryption: apu ? { nonce: b64url(randomBytes(16)) } : {},
      serverMetadata: {
        authorization_signing_alg_values_supported: [],
        authorization_encryption_alg_values_supported: ['ECDH-ES'],
        authorization_encryption_enc_values_supported: [enc],
      },
    },
  })
  last = () => client.submitOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: asked,
    authorizationResponsePayload: answer.authorizationResponsePayload,
    jarm: answer.jarm,
  })
  const header = answer.jarm && JSON.parse(Buffer.from(answer.jarm.responseJwt.split('.')[0], 'base64url'))
  return { ...(await submit()), verifier: verifier.effective, header: header ?? null, answered: Object.keys(vpToken) }
}

/** Sends the last answer once more. */
async function submit() {
  const { response } = await last()
  return { status: response.status, body: await response.text() }
}

/** What the query makes of what is held, by `dcql`: the first credential that fits each query that is needed. */
function chosenFor(query) {
  const parsed = DcqlQuery.parse(query)
  DcqlQuery.validate(parsed)
  const result = DcqlQuery.query(parsed, held.map(({ claims }) => claims))
  if (!result.can_be_satisfied) throw new Error('nothing that is held answers the query')
  const option = result.credential_sets?.map((set) => set.matching_options?.[0] ?? []).flat()
  const wanted = option ?? parsed.credentials.map(({ id }) => id)
  return wanted.map((id) => {
    const match = result.credential_matches[id].valid_credentials[0]
    const { output } = match.claims.valid_claim_sets[0]
    return { id, credential: held[match.input_credential_index], chosen: output }
  })
}

await serve({ trust, accept, present, again: submit })
