//! From an approved identity to the claims of a profile.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use warifu_credential::face_template::{FaceTemplateClaim, Source};
use warifu_credential::kyc::{Assurance, KycClaims, Level, Method};
use warifu_credential::person::{CountryCode, PlaceOfBirth, Sex};
use warifu_credential::pid::{PidClaims, Portrait};
use zeroize::Zeroizing;

use crate::kyc::evidence::{Document, Selfie};
use crate::kyc::identity::{self, Identity};
use crate::kyc::verdict::Approved;
use crate::{Config, Error};

/// The claims for an approved identity.
///
/// The face template is the selfie's, because the selfie is the picture of the person who came; it is bound to the
/// document by the face match that approval demands. `verified_at` is when the verdict was reached.
///
/// # Errors
/// [`Error::Mint`] for an identity without birth date, [`Error::Template`] for a template that does not fit.
pub fn claims(
    approved: &Approved,
    document: &Document,
    selfie: &Selfie,
    verified_at: Timestamp,
) -> Result<KycClaims, Error> {
    let who = approved.identity();
    let missing = |claim| Error::Mint(warifu_credential::profile::Error::Claim(claim));
    let face = selfie.face.as_ref().ok_or_else(|| missing("face_template"))?;
    let captured_on = verified_at.to_zoned(TimeZone::UTC).date();
    let model = face.template.0.model().as_str().parse()?;
    let values = Zeroizing::new(face.template.0.to_bytes().iter().map(|byte| byte.cast_signed()).collect::<Vec<i8>>());
    let template =
        FaceTemplateClaim::new(model, &values, face.template.0.scale(), Source::Selfie, captured_on, face.quality)?;
    let country = |code: &str| identity::alpha2(code).parse().unwrap_or(CountryCode::UNKNOWN);
    Ok(KycClaims {
        family_name: who.family_name.clone(),
        given_name: given_name(who),
        birthdate: who.birth_date.ok_or_else(|| missing("birthdate"))?,
        nationalities: vec![country(&who.nationality)],
        sex: sex(who),
        place_of_birth: who
            .birth_place
            .clone()
            .map(|locality| PlaceOfBirth { locality: Some(locality), ..PlaceOfBirth::default() }),
        picture: document.portrait.as_ref().map(|portrait| portrait.jpeg.0.clone()),
        issuing_country: country(&who.issuing_state),
        issuing_authority: None,
        date_of_issuance: None,
        date_of_expiry: who.expires,
        document_number: Some(who.document_number.clone()),
        assurance: Assurance {
            // A picture of a document and a selfie, without chip and without a certified liveness test.
            level: Level::Low,
            verified_at,
            method: Method::Document,
            checks: approved.passed().iter().map(ToString::to_string).collect(),
        },
        face_template: Some(template),
    })
}

/// The same person in the shapes of the PID rulebook, for a sandbox.
///
/// # Errors
/// [`Error::Mint`] names what the rulebook demands and the evidence does not show: birth date, place of birth, portrait.
pub fn pid_claims(
    approved: &Approved,
    document: &Document,
    verified_at: Timestamp,
    config: &Config,
) -> Result<PidClaims, Error> {
    let who = approved.identity();
    let missing = |claim| Error::Mint(warifu_credential::profile::Error::Claim(claim));
    let country = |code: &str| code.parse().unwrap_or(CountryCode::UNKNOWN);
    let birth_place = who.birth_place.clone().ok_or_else(|| missing("place_of_birth"))?;
    let portrait = document.portrait.as_ref().ok_or_else(|| missing("picture"))?;
    Ok(PidClaims {
        family_name: who.family_name.clone(),
        given_name: given_name(who),
        birthdate: who.birth_date.ok_or_else(|| missing("birthdate"))?,
        place_of_birth: PlaceOfBirth { locality: Some(birth_place), ..PlaceOfBirth::default() },
        nationalities: vec![country(who.nationality_alpha2())],
        portrait: Portrait::Jpeg(portrait.jpeg.0.clone()),
        address: None,
        personal_administrative_number: None,
        birth_family_name: None,
        birth_given_name: None,
        sex: Some(sex(who)),
        email: None,
        phone_number: None,
        // In a PID these describe who issues it, not who issued the document.
        issuing_authority: config.authority.clone(),
        issuing_country: country(&config.country),
        issuing_jurisdiction: None,
        date_of_issuance: Some(verified_at.to_zoned(TimeZone::UTC).date()),
        date_of_expiry: who.expires,
        document_number: None,
    })
}

/// People with one name have no secondary identifier, and the claim cannot be empty.
fn given_name(who: &Identity) -> String {
    if who.given_name.is_empty() { "-".to_owned() } else { who.given_name.clone() }
}

fn sex(who: &Identity) -> Sex {
    match who.sex {
        identity::Sex::Female => Sex::Female,
        identity::Sex::Male => Sex::Male,
        identity::Sex::Unspecified => Sex::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kyc::check::{CheckName, Code, Outcome, Signal};
    use crate::kyc::checks::tests::{document, selfie};
    use crate::kyc::identity::tests::identity as specimen;
    use crate::kyc::verdict::{Verdict, decide};
    use crate::kyc::workflow::Workflow;

    #[test]
    fn says_what_was_found_and_no_more() {
        let signals: Vec<_> = CheckName::ALL
            .iter()
            .map(|name| match name {
                CheckName::PassiveLiveness => Signal::new(*name, Outcome::NotRun, Code::LivenessNotPerformed),
                name => Signal::new(*name, Outcome::Pass, Code::OneFace),
            })
            .collect();
        let Verdict::Approved(approved) = decide(specimen(), &signals, &Workflow::sandbox()) else {
            panic!("not approved")
        };
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let claims = claims(&approved, &document(), &selfie(), now).unwrap();
        let values = claims.to_claims(now.to_zoned(TimeZone::UTC).date()).unwrap();
        let values = values.values();
        assert_eq!(values["nationalities"], serde_json::json!(["QU"]));
        assert_eq!(values["face_template"]["source"], "selfie");
        assert_eq!(values["assurance"]["method"], "document");
        let checks = values["assurance"]["checks"].as_array().unwrap();
        assert!(checks.contains(&"face_match".into()) && !checks.contains(&"passive_liveness".into()), "{checks:?}");
    }
}
