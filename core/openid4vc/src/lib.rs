//! OpenID4VCI 1.0, OpenID4VP 1.0 and the OAuth around them, both halves, without IO.
//!
//! Every exchange is a chain of plain values. A half that must send gives an [`http::Request`]; whoever owns a socket
//! sends it and feeds the [`http::Response`] back. A half that answers takes the parsed request and gives its next state
//! with the answer, so that a role can commit the state by compare-and-set before it answers. Time and randomness are
//! arguments.
//!
//! | module | standard |
//! |---|---|
//! | [`oauth`] | RFC 6749 errors, RFC 8414 metadata, RFC 9449 DPoP |
//! | [`vci`] | OpenID4VCI 1.0: pre-authorised code with `tx_code`, nonce, `jwt` proofs, batch |
//! | [`dcql`] | OpenID4VP 1.0 section 6: the query language |
//! | [`vp`] | OpenID4VP 1.0 and HAIP 1.0: requests over redirects and the Digital Credentials API, client identifier prefixes |
//! | [`link`] | the links and QR texts that start an exchange |
//!
//! Left out so far: the authorization code flow with PAR, client attestation, encrypted credential requests and
//! responses, deferred issuance on the holder's side, the client identifier prefix `openid_federation` and clients that were
//! registered before, queries by `scope`.

pub mod dcql;
pub mod http;
pub mod link;
pub mod oauth;
pub mod vci;
pub mod vp;

#[cfg(test)]
mod vectors;
