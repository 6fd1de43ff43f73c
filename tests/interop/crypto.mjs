// What the packages leave to whoever uses them: keys, certificates, JOSE, and whom to trust. Node's own cryptography, and
// `jose` for JWS and JWE.

import { createHash, generateKeyPairSync, randomBytes, sign, verify, webcrypto, X509Certificate } from 'node:crypto'
import { clientAuthenticationAnonymous, setGlobalConfig } from '@openid4vc/oauth2'
import * as jose from 'jose'

// Node 18 has it by another name.
globalThis.crypto ??= webcrypto
// The servers of the tests are on this machine.
setGlobalConfig({ allowInsecureUrls: true })

export const b64url = (bytes) => Buffer.from(bytes).toString('base64url')
export const now = () => Math.floor(Date.now() / 1000)

/** SHA-2 by its JOSE or COSE name. */
export const digest = (data, name) =>
  new Uint8Array(createHash(name.toLowerCase().replace('sha-', 'sha')).update(Buffer.from(data)).digest())

/** A fresh P-256 key as JWK: `[private, public]`. */
export function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return pair(privateKey)
}

/** A private key of Node as JWK: `[private, public]`. */
export function pair(key) {
  const secret = key.export({ format: 'jwk' })
  const { d: _, ...open } = secret
  return [secret, open]
}

const ES256 = (key) => ({ key, format: 'jwk', dsaEncoding: 'ieee-p1363' })
export const signES256 = (data, jwk) => sign('sha256', Buffer.from(data), ES256(jwk))
export const verifyES256 = (data, signature, jwk) =>
  verify('sha256', Buffer.from(data), ES256(jwk), Buffer.from(signature))
export const publicJwk = (certificate) => certificate.publicKey.export({ format: 'jwk' })

/** The leaf of a chain (DER, leaf first) that ends below one of `roots` and is in its time. */
export function trustedLeaf(chain, roots) {
  const certificates = chain.map((der) => new X509Certificate(der))
  for (const [at, certificate] of certificates.entries()) {
    const time = Date.now()
    if (time < Date.parse(certificate.validFrom) || time > Date.parse(certificate.validTo)) {
      throw new Error('a certificate is not in its time')
    }
    const issuers = at + 1 < certificates.length ? [certificates[at + 1]] : roots
    const issuer = issuers.find((issuer) => issuer.ca && certificate.checkIssued(issuer))
    if (!issuer || !certificate.verify(issuer.publicKey)) throw new Error('the chain ends at nobody who is trusted')
  }
  return certificates[0]
}

export const fromX5c = (x5c) => x5c.map((text) => Buffer.from(text, 'base64'))

/** The callbacks of the OpenID4VC packages. `secrets` holds private keys, `roots` the certificates that are trusted. */
export function callbacks(secrets, roots) {
  const secretOf = (open) => secrets.find((secret) => secret.x === open.x && secret.y === open.y)
  return {
    fetch,
    hash: digest,
    generateRandom: (length) => new Uint8Array(randomBytes(length)),
    clientAuthentication: clientAuthenticationAnonymous(),
    getX509CertificateMetadata: (text) => {
      const names = (new X509Certificate(Buffer.from(text, 'base64')).subjectAltName ?? '').split(', ')
      const of = (kind) => names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length))
      return { sanDnsNames: of('DNS:'), sanUriNames: of('URI:') }
    },
    signJwt: async (signer, { header, payload }) => {
      const open = signer.method === 'x5c' ? publicJwk(new X509Certificate(Buffer.from(signer.x5c[0], 'base64'))) : signer.publicJwk
      const key = await jose.importJWK(secretOf(open), signer.alg)
      const bytes = new TextEncoder().encode(JSON.stringify(payload))
      return { jwt: await new jose.CompactSign(bytes).setProtectedHeader(header).sign(key), signerJwk: open }
    },
    verifyJwt: async (signer, { compact }) => {
      const open = signer.method === 'x5c' ? publicJwk(trustedLeaf(fromX5c(signer.x5c), roots)) : signer.publicJwk
      try {
        await jose.compactVerify(compact, await jose.importJWK(open, 'ES256'), { algorithms: ['ES256'] })
        return { verified: true, signerJwk: open }
      } catch {
        return { verified: false }
      }
    },
    encryptJwe: async ({ publicJwk: open, alg, enc, apu, apv }, data) => {
      const agreed = { ...(apu && { apu: Buffer.from(apu, 'base64url') }), ...(apv && { apv: Buffer.from(apv, 'base64url') }) }
      const jwe = await new jose.CompactEncrypt(new TextEncoder().encode(data))
        .setProtectedHeader({ alg, enc, ...(open.kid && { kid: open.kid }) })
        .setKeyManagementParameters(agreed)
        .encrypt(await jose.importJWK(open, alg))
      return { jwe, encryptionJwk: open }
    },
    decryptJwe: async (jwe, { jwk } = {}) => {
      const secret = jwk && secretOf(jwk)
      if (!secret) return { decrypted: false }
      const { plaintext } = await jose.compactDecrypt(jwe, await jose.importJWK(secret, 'ECDH-ES'))
      return { decrypted: true, decryptionJwk: jwk, payload: new TextDecoder().decode(plaintext) }
    },
  }
}

/** The SHA-256 thumbprint of a key (RFC 7638), as bytes. */
export const thumbprint = async (jwk) => Buffer.from(await jose.calculateJwkThumbprint(jwk), 'base64url')

export { randomBytes, X509Certificate }
