// Credentials in both formats: reading what was issued, presenting it, verifying what was presented.

import { CoseKey, DateOnly, DeviceRequest, DeviceResponse, DocRequest, Holder, IssuerSigned, ItemsRequest, SessionTranscript, Verifier } from '@owf/mdoc'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { b64url, digest, fromX5c, publicJwk, randomBytes, signES256, thumbprint, trustedLeaf, verifyES256, X509Certificate } from './crypto.mjs'

const decoded = (part) => JSON.parse(Buffer.from(part, 'base64url'))

/** `@sd-jwt` for a holder of `key`, or for a verifier without one. */
function sdJwt(roots, key) {
  return new SDJwtVcInstance({
    hasher: digest,
    hashAlg: 'sha-256',
    saltGenerator: (length) => b64url(randomBytes(length)),
    // Credential and status list alike: signed by whoever has a chain to a root.
    verifier: (data, signature) => {
      const header = decoded(data.split('.')[0])
      if (header.alg !== 'ES256') return false
      const leaf = trustedLeaf(fromX5c(header.x5c), roots)
      return verifyES256(data, Buffer.from(signature, 'base64url'), publicJwk(leaf))
    },
    kbSigner: key && ((data) => b64url(signES256(data, key))),
    kbSignAlg: 'ES256',
    kbVerifier: (data, signature, payload) =>
      decoded(data.split('.')[0]).alg === 'ES256' &&
      verifyES256(data, Buffer.from(signature, 'base64url'), payload.cnf.jwk),
  })
}

/** What `@owf/mdoc` leaves to whoever uses it. */
const context = {
  crypto: {
    random: (length) => new Uint8Array(randomBytes(length)),
    digest: ({ digestAlgorithm, bytes }) => digest(bytes, digestAlgorithm),
    calculateEphemeralMacKey: () => {
      throw new Error('there is no reader key over OpenID4VP')
    },
  },
  cose: {
    sign1: {
      sign: ({ toBeSigned, key }) => new Uint8Array(signES256(toBeSigned, key.jwk)),
      verify: ({ key, sign1 }) =>
        sign1.signatureAlgorithmName === 'ES256' && verifyES256(sign1.toBeSigned, sign1.signature, key.jwk),
    },
  },
  x509: {
    getIssuerNameField: ({ certificate, field }) => {
      const lines = new X509Certificate(certificate).issuer.split('\n')
      return lines.filter((line) => line.startsWith(`${field}=`)).map((line) => line.slice(field.length + 1))
    },
    getPublicKey: ({ certificate }) => CoseKey.fromJwk(publicJwk(new X509Certificate(certificate))),
    verifyCertificateChain: ({ trustedCertificates, x5chain }) => {
      trustedLeaf(x5chain, trustedCertificates.map((der) => new X509Certificate(der)))
    },
    getCertificateData: ({ certificate }) => {
      const read = new X509Certificate(certificate)
      return {
        issuerName: read.issuer,
        subjectName: read.subject,
        serialNumber: read.serialNumber,
        thumbprint: read.fingerprint256,
        notBefore: new Date(read.validFrom),
        notAfter: new Date(read.validTo),
        pem: read.toString(),
      }
    },
  },
}

const der = (roots) => roots.map((root) => new Uint8Array(root.raw))

/** A value of an element as JSON would have it. */
function plain(value) {
  if (value instanceof DateOnly || value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return b64url(value)
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]))
  if (Array.isArray(value)) return value.map(plain)
  return value
}

function elements(issuerSigned) {
  const all = [...issuerSigned.issuerNamespaces.issuerNamespaces]
  const read = ([namespace, items]) => [
    namespace,
    Object.fromEntries(items.map((item) => [item.elementIdentifier, plain(item.elementValue)])),
  ]
  return Object.fromEntries(all.map(read))
}

/** A credential that came from an issuer: verified, bound to `open`, and as `dcql` wants to see it. */
export async function received({ format, text, open, roots }) {
  if (format === 'dc+sd-jwt') {
    const reader = sdJwt(roots)
    const { payload } = await reader.verify(text)
    if (payload.cnf.jwk.x !== open.x) throw new Error('it is bound to another key')
    return { credential_format: format, vct: payload.vct, claims: payload, cryptographic_holder_binding: true }
  }
  const issuerSigned = IssuerSigned.fromEncodedForOid4Vci(text)
  await Holder.verifyIssuerSigned({ issuerSigned, trustedCertificates: der(roots) }, context)
  const mso = issuerSigned.issuerAuth.mobileSecurityObject
  if (mso.deviceKeyInfo.deviceKey.jwk.x !== open.x) throw new Error('it is bound to another key')
  return {
    credential_format: format,
    doctype: mso.docType,
    namespaces: elements(issuerSigned),
    cryptographic_holder_binding: true,
  }
}

/** The leaves of `claims` as a frame for `@sd-jwt`. */
const frame = (claims) =>
  claims !== null && typeof claims === 'object'
    ? Object.fromEntries(Object.entries(claims).map(([name, inner]) => [name, frame(inner)]))
    : true

/** Presents exactly `chosen` of an SD-JWT VC, bound to `audience` and `nonce`. */
export function presentSdJwt({ text, secret, chosen, audience, nonce, issuedAt }) {
  const binding = { payload: { iat: issuedAt, aud: audience, nonce } }
  return sdJwt([], secret).present(text, frame(chosen), { kb: binding })
}

/** The session of an exchange (OpenID4VP 1.0 annex B.2.6.1). */
export const session = async ({ clientId, nonce, responseUri, encryption }) =>
  SessionTranscript.forOid4Vp(
    { clientId, nonce, responseUri, jwkThumbprint: encryption && new Uint8Array(await thumbprint(encryption)) },
    context,
  )

/** Presents exactly `chosen` of an mdoc, in `transcript`. */
export async function presentMdoc({ text, secret, chosen, doctype, transcript }) {
  const wanted = Object.entries(chosen).map(([namespace, found]) => [
    namespace,
    Object.fromEntries(Object.keys(found).map((element) => [element, false])),
  ])
  const itemsRequest = ItemsRequest.create({ docType: doctype, namespaces: Object.fromEntries(wanted) })
  const response = await DeviceResponse.createWithDeviceRequest(
    {
      deviceRequest: DeviceRequest.create({ docRequests: [DocRequest.create({ itemsRequest })] }),
      sessionTranscript: transcript,
      issuerSigned: [IssuerSigned.fromEncodedForOid4Vci(text)],
      signature: { signingKey: CoseKey.fromJwk({ ...secret, alg: 'ES256' }) },
    },
    context,
  )
  return response.encodedForOid4Vp
}

/** Oldest and newest key binding that is taken, in seconds. */
const KEY_BINDING_AGE = 300

/** A presented SD-JWT VC, verified: signature, disclosures, status, key binding. */
export async function verifiedSdJwt({ text, roots, audience, nonce, time }) {
  const { payload, kb } = await sdJwt(roots).verify(text, { keyBindingNonce: nonce })
  // `@sd-jwt` looks at signature, nonce and `sd_hash`, and leaves these to the verifier.
  if (kb.payload.aud !== audience) throw new Error(`the key binding is for ${kb.payload.aud}`)
  if (Math.abs(time - kb.payload.iat) > KEY_BINDING_AGE) throw new Error('the key binding is not of now')
  const shown = { credential_format: 'dc+sd-jwt', vct: payload.vct, claims: payload, cryptographic_holder_binding: true }
  return { shown, binding: kb.payload }
}

/** A presented mdoc, verified: chain, digests, validity, device signature. */
export async function verifiedMdoc({ text, roots, transcript }) {
  const deviceResponse = DeviceResponse.fromEncodedForOid4Vp(text)
  await Verifier.verifyDeviceResponse(
    { deviceResponse, sessionTranscript: transcript, trustedCertificates: der(roots) },
    context,
  )
  const [document, ...further] = deviceResponse.documents
  if (further.length > 0) throw new Error('more than one document')
  const mso = document.issuerSigned.issuerAuth.mobileSecurityObject
  if (mso.docType !== document.docType) throw new Error('another document type was signed')
  const namespaces = elements(document.issuerSigned)
  const shown = { credential_format: 'mso_mdoc', doctype: document.docType, namespaces, cryptographic_holder_binding: true }
  return { shown }
}
