//! The compact form `<jwt>~<disclosure>~…~` (RFC 9901 section 4) and what an SD-JWT VC says once it was unpacked.

use std::ops::Range;

use serde_json::{Map, Value};
use warifu_keys::hash::HashAlgorithm;
use warifu_keys::jwk::{Jwk, PublicKey};
use warifu_keys::jws::{JwsError, Unverified};

use super::disclosure::{Content, Unpacked, read, unpack};
use super::issued::Issued;
use super::{Error, MAX_BYTES, MAX_DISCLOSURES, digest, numeric_date};
use crate::Format;
use crate::authentic::Contents;
use crate::claim_path::ClaimPath;
use crate::status::StatusReference;

/// The text of an SD-JWT and where its parts lie in it.
#[derive(Clone)]
pub(crate) struct SdJwt {
    /// Up to and including the last `~`: what `sd_hash` is taken over.
    text: String,
    /// Length of the issuer-signed JWT.
    jwt: usize,
    disclosures: Vec<Range<usize>>,
    /// `_sd_alg`; the default until the payload was read.
    hash: HashAlgorithm,
    /// What each disclosure reveals, positions counted in the arrays as disclosed; empty until the payload was read.
    places: Vec<ClaimPath>,
}

impl SdJwt {
    /// Splits the text into the SD-JWT, what its disclosures say, and what follows the last `~`.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<Content>, &str), Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::Malformed);
        }
        let end = text.rfind('~').ok_or(Error::Malformed)?;
        let (front, key_binding) = (&text[..end], &text[end + 1..]);
        let jwt = front.find('~').unwrap_or(front.len());
        let count = front.bytes().filter(|byte| *byte == b'~').count();
        if count > MAX_DISCLOSURES {
            return Err(Error::TooManyDisclosures(count));
        }
        let mut disclosures = Vec::with_capacity(count);
        let mut contents = Vec::with_capacity(count);
        let mut start = jwt + 1;
        for (at, part) in front.split('~').skip(1).enumerate() {
            disclosures.push(start..start + part.len());
            contents.push(read(at, part)?);
            start += part.len() + 1;
        }
        let text = text[..=end].to_owned();
        Ok((Self { text, jwt, disclosures, hash: HashAlgorithm::Sha256, places: Vec::new() }, contents, key_binding))
    }

    /// The issuer-signed JWT.
    pub(super) fn jwt(&self) -> &str {
        &self.text[..self.jwt]
    }

    /// The whole, up to and including the last `~`.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The disclosures as they came.
    pub(super) fn disclosures(&self) -> impl Iterator<Item = &str> {
        self.disclosures.iter().map(|range| &self.text[range.clone()])
    }

    /// `<jwt>~<disclosure>~…~` with the disclosures that `keep` marks.
    pub(super) fn text_of(&self, keep: &[bool]) -> String {
        let mut text = self.jwt().to_owned();
        text.push('~');
        for (disclosure, _) in self.disclosures().zip(keep).filter(|(_, keep)| **keep) {
            text.push_str(disclosure);
            text.push('~');
        }
        text
    }

    /// `_sd_alg`.
    pub(super) fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// What each disclosure reveals.
    pub(super) fn places(&self) -> &[ClaimPath] {
        &self.places
    }

    /// The digest of the disclosure of a top-level claim.
    pub(super) fn digest_of(&self, path: &ClaimPath) -> Option<String> {
        let at = self.places.iter().position(|place| place == path)?;
        self.disclosures().nth(at).map(|text| digest(self.hash, text))
    }

    /// What a key binding JWT over all disclosures signs (RFC 9901 section 4.3.1), with the hash of `_sd_alg`.
    pub(crate) fn sd_hash(&self) -> String {
        digest(self.hash, &self.text)
    }

    /// The credential as it was issued, for statements about it that count withheld entries.
    pub(crate) fn issued(&self) -> Result<Issued, Error> {
        let payload = self.dangerous_payload()?;
        let contents: Vec<Content> =
            self.disclosures().enumerate().map(|(at, text)| read(at, text)).collect::<Result<_, _>>()?;
        Ok(Issued::new(payload, self.disclosures().map(|text| digest(self.hash, text)).zip(contents)))
    }

    /// The claims with only the disclosures that `keep` marks.
    pub(super) fn claims_of(&self, keep: &[bool]) -> Result<Map<String, Value>, Error> {
        let (sd_jwt, contents, _) = Self::parse(&self.text_of(keep))?;
        Ok(unpack(self.dangerous_payload()?, sd_jwt.disclosures(), contents)?.claims)
    }

    fn dangerous_payload(&self) -> Result<Map<String, Value>, JwsError> {
        Unverified::parse(self.jwt())?.dangerous_claims()
    }

    /// Unpacks a payload that was verified, and reads the registered claims.
    pub(super) fn open(
        mut self,
        payload: Map<String, Value>,
        contents: Vec<Content>,
    ) -> Result<(Self, Contents), Error> {
        let Unpacked { hash, claims, places, withheld } = unpack(payload, self.disclosures(), contents)?;
        self.hash = hash;
        self.places = places;
        let time = |name: &'static str| {
            claims.get(name).map(|value| numeric_date(value).ok_or(Error::Claim(name))).transpose()
        };
        let type_identifier = match claims.get("vct") {
            Some(Value::String(vct)) if !vct.is_empty() => vct.clone(),
            Some(_) | None => return Err(Error::Claim("vct")),
        };
        match claims.get("aka_vcts") {
            None => {}
            Some(Value::Array(types))
                if !types.is_empty() && types.iter().all(|other| other.is_string() && *other != type_identifier) => {}
            Some(_) => return Err(Error::Claim("aka_vcts")),
        }
        if claims.get("vct#integrity").is_some_and(|integrity| !integrity.is_string()) {
            return Err(Error::Claim("vct#integrity"));
        }
        if claims.get("iss").is_some_and(|issuer| !issuer.is_string()) {
            return Err(Error::Claim("iss"));
        }
        let contents = Contents {
            format: Format::SdJwtVc,
            issued_at: time("iat")?,
            not_before: time("nbf")?,
            expires: time("exp")?,
            status: match claims.get("status") {
                // A status mechanism that is not understood can not be checked, so the credential is refused.
                Some(status) => Some(StatusReference::from_status_claim(status).map_err(|_| Error::Claim("status"))?),
                None => None,
            },
            holder_key: claims.get("cnf").map(holder_key).transpose()?,
            type_identifier,
            claims: Value::Object(claims),
            withheld,
        };
        Ok((self, contents))
    }
}

fn holder_key(cnf: &Value) -> Result<PublicKey, Error> {
    let jwk = cnf.get("jwk").ok_or(Error::Claim("cnf"))?;
    Jwk::from_value(jwk).and_then(|jwk| jwk.public_key()).map_err(Error::HolderKey)
}
