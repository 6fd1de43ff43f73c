//! The wallet's half: a credential with all its disclosures, and presenting from it.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};
use warifu_keys::jws::{self, Header, Unverified};
use warifu_keys::x509::Certificate;
use warifu_keys::{PublicKey, Signer};

use super::{Error, Issued, KEY_BINDING_TYP, KeyBinding, SdJwt, Unopened, digest};
use crate::authentic::{Contents, Form};
use crate::claim_path::ClaimPath;
use crate::status::StatusReference;
use crate::{Format, Verified};

/// A credential in the holder's hands, with every disclosure the issuer gave.
#[derive(Clone)]
pub struct Held {
    sd_jwt: SdJwt,
    contents: Contents,
}

impl Held {
    /// Keeps a credential that passed every check; `None` if it is of another format.
    #[must_use]
    pub fn keep<Issuer>(verified: Verified<Issuer>) -> Option<Self> {
        match verified.form {
            Form::SdJwtVc(sd_jwt) => Some(Self { sd_jwt, contents: verified.contents }),
            Form::Mdoc(_) => None,
        }
    }

    /// Reads back what [`Held::text`] gave, without looking at the issuer's signature, its chain or the time.
    ///
    /// Only for a wallet that verified the credential before and kept the text where nobody else can write.
    pub fn dangerous_reload(text: &str) -> Result<Self, Error> {
        let (Unopened { sd_jwt, contents, jws }, key_binding) = Unopened::parse(text)?;
        if !key_binding.is_empty() {
            return Err(Error::KeyBindingFromIssuer);
        }
        let (sd_jwt, contents) = sd_jwt.open(jws.dangerous_claims()?, contents)?;
        Ok(Self { sd_jwt, contents })
    }

    /// The credential in compact form with all disclosures, for the wallet's store. It holds personal data in the
    /// clear.
    #[must_use]
    pub fn text(&self) -> String {
        self.sd_jwt.text().to_owned()
    }

    /// All claims, registered ones included; always an object.
    #[must_use]
    pub fn claims(&self) -> &Value {
        &self.contents.claims
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.contents.format
    }

    /// The type identifier (`vct`).
    #[must_use]
    pub fn vct(&self) -> &str {
        &self.contents.type_identifier
    }

    /// `exp`.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.contents.expires
    }

    /// `iat`, or `nbf` where only that is given.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.contents.issued_at.or(self.contents.not_before)
    }

    /// The issuer's certificates, leaf first, as they stand in the credential: for the issuer's name on the card and
    /// the authority key identifiers of a query. They were verified when the credential was received, not now.
    pub fn issuer_chain(&self) -> Result<Vec<Certificate>, Error> {
        Ok(Unverified::parse(self.sd_jwt.jwt())?.x5c()?)
    }

    /// Where its status is listed.
    #[must_use]
    pub fn status_reference(&self) -> Option<&StatusReference> {
        self.contents.status.as_ref()
    }

    /// The key that it is bound to.
    #[must_use]
    pub fn holder_key(&self) -> Option<&PublicKey> {
        self.contents.holder_key.as_ref()
    }

    /// Paths of everything that can be withheld, in the order of the issuer's disclosures.
    #[must_use]
    pub fn available(&self) -> Vec<ClaimPath> {
        self.sd_jwt.places().to_vec()
    }

    /// The `_sd` digest of the disclosure of a top-level claim; `None` if the claim is not there or always visible.
    #[must_use]
    pub fn digest_of(&self, claim: &str) -> Option<String> {
        self.sd_jwt.digest_of(&ClaimPath::claim(claim))
    }

    /// The credential as it was issued, for what its type says about it.
    pub(crate) fn issued(&self) -> Result<Issued, Error> {
        self.sd_jwt.issued()
    }

    /// What a verifier will see if these paths are presented: for the consent screen. Always an object.
    pub fn reveals(&self, paths: &[ClaimPath]) -> Result<Value, Error> {
        Ok(Value::Object(self.sd_jwt.claims_of(&self.needed(paths)?)?))
    }

    /// Presents the claims of `paths` and nothing else that can be withheld, bound to one verifier and one request (RFC
    /// 9901 section 7.2 and 4.3).
    ///
    /// A path stands for the whole value it selects: its parents, itself and everything below it (OpenID4VP 1.0 section
    /// 7.3: "with its sub-claims as the value"; upstream still discusses whether less would do). Claims that are always
    /// visible need no disclosure and may be named too. `signer` must be the key the credential is bound to.
    pub fn present(&self, paths: &[ClaimPath], binding: &KeyBinding, signer: &dyn Signer) -> Result<String, Error> {
        let keep = self.needed(paths)?;
        if self.holder_key().ok_or(Error::NoHolderKey)? != &signer.public_key() {
            return Err(Error::NotTheHolderKey);
        }
        let mut text = self.sd_jwt.text_of(&keep);
        let mut claims = Map::new();
        claims.insert("iat".to_owned(), Value::from(binding.issued_at.as_second()));
        claims.insert("aud".to_owned(), Value::from(binding.audience.as_str()));
        claims.insert("nonce".to_owned(), Value::from(binding.nonce.as_str()));
        claims.insert("sd_hash".to_owned(), Value::from(digest(self.sd_jwt.hash(), &text)));
        for (name, value) in &binding.extra {
            if claims.insert(name.clone(), value.clone()).is_some() {
                return Err(Error::ExtraClaim(name.clone()));
            }
        }
        text.push_str(&jws::sign_claims(Header::typ(KEY_BINDING_TYP), &claims, signer)?);
        Ok(text)
    }

    /// Which disclosures the paths need, one flag for each.
    fn needed(&self, paths: &[ClaimPath]) -> Result<Vec<bool>, Error> {
        let mut keep = vec![false; self.sd_jwt.places().len()];
        for path in paths {
            let selected = path
                .resolve(&self.contents.claims)
                .map_err(|source| Error::NotHeld { path: path.to_string(), source })?;
            for (keep, place) in keep.iter_mut().zip(self.sd_jwt.places()) {
                *keep |= selected.iter().any(|path| path.same_branch(place));
            }
        }
        Ok(keep)
    }
}

/// Shows the type only: claims are personal data.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.contents.type_identifier)
    }
}
