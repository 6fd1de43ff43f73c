//! ISO/IEC 18013-5 annex B: the certificate profiles, held against the certificates of its own annex D.

use warifu_keys::x509::profile::{self, ProfileError};
use warifu_keys::x509::{Certificate, Purpose, verify_chain};
use warifu_vectors::vector_text;

fn certificate(file: &str) -> Option<Certificate> {
    let pem = vector_text("iso_18013_5_annex_b", &format!("mdoc/{file}"))?;
    Some(Certificate::from_pem(&pem).unwrap())
}

/// The chain holds within its year. Both certificates keep every rule but one: their distribution points hold the DNS name
/// `example.com` where an address has to be.
#[test]
fn annex_d() {
    let Some(iaca) = certificate("annex_d_iaca_root.pem") else { return };
    let Some(signer) = certificate("annex_d_document_signer.pem") else { return };
    let now = "2021-01-01T00:00:00Z".parse().unwrap();
    let chain = std::slice::from_ref(&signer);
    verify_chain(chain, std::slice::from_ref(&iaca), Purpose::DocumentSigner, now).unwrap();
    assert_eq!(profile::iaca_root(&iaca), Err(ProfileError::CrlAddress));
    assert_eq!(profile::document_signer(&signer, &iaca), Err(ProfileError::CrlAddress));
}
