use jiff::civil::{Date, date};
use warifu_models::face;
use warifu_models::liveness::Method;

use super::*;
use crate::kyc::check::{CheckName, Code, Outcome};
use crate::kyc::evidence::*;
use crate::kyc::identity::tests::identity;
use crate::kyc::workflow::{Bands, Environment};

const TODAY: Date = date(2026, 11, 22);

/// A template whose distance to `template(0)` is `steps` times 1/200.
fn template(steps: u8) -> FaceTemplate {
    let model = face::ModelId::builtin().unwrap();
    let mut bytes = [0; 128];
    bytes[0] = steps;
    FaceTemplate(face::Template::from_bytes(model, &bytes).unwrap())
}

fn visual_zone(agreements: [Agreement; 5]) -> VisualZone {
    let names = ["surname", "given_names", "number", "birth_date", "expiry"];
    let fields = names.iter().zip(agreements);
    VisualZone(fields.map(|(name, agreement)| VisualField { field: (*name).to_owned(), agreement }).collect())
}

/// A document without fault.
pub(crate) fn document() -> Document {
    Document {
        quality: PictureQuality { short_side: 1200, sharpness: 300.0, brightness: 150.0, glare: 0.0 },
        text_lines: 20,
        mrz: Some(Mrz {
            format: "TD3".to_owned(),
            lines: vec![
                "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<".to_owned(),
                "L898902C36UTO7408122F3104159<<<<<<<<<<<<<<06".to_owned(),
            ],
            repaired: false,
            wrong_digits: 0,
            doubts: vec![],
        }),
        visual_zone: visual_zone([Agreement::Agrees; 5]),
        identity: Some(identity()),
        portrait: Some(Portrait {
            jpeg: Jpeg(vec![0xff, 0xd8, 0xff]),
            template: template(0),
            eye_distance: 60.0,
            quality: 80,
        }),
    }
}

/// A selfie of the same person.
pub(crate) fn selfie() -> Selfie {
    let face = SelfieFace {
        template: template(60),
        eye_distance: 120.0,
        sharpness: 90.0,
        brightness: 120.0,
        covered: 0.1,
        quality: 90,
    };
    Selfie {
        faces: 1,
        face: Some(face),
        liveness: Liveness::Score(0.98),
        taken: Taken::Uploaded,
        searched: Searched::Done(Found::default()),
    }
}

fn kept() -> Kept {
    let blob = warifu_keys::base64url::encode(&[0; 32]).parse().unwrap();
    Kept { blob, media_type: "image/jpeg".to_owned(), bytes: 3 }
}

pub(crate) fn handed_document() -> Handed<Document> {
    Handed { picture: kept(), read: document() }
}

pub(crate) fn handed_selfie() -> Handed<Selfie> {
    Handed { picture: kept(), read: selfie() }
}

#[track_caller]
fn check(check: &dyn Check, change: impl FnOnce(&mut Document, &mut Selfie), expected: (Outcome, Code)) {
    let (mut document, mut selfie) = (document(), selfie());
    change(&mut document, &mut selfie);
    let signal = check.run(&Evidence { against: Against::Document(&document), selfie: Some(&selfie), today: TODAY });
    assert_eq!(signal.name, check.name());
    assert_eq!((signal.outcome, signal.code), expected, "{signal:?}");
    let alone = check.run(&Evidence { against: Against::Document(&document), selfie: None, today: TODAY });
    use CheckName::{BlocklistedFace, DuplicateFace, FaceMatch, OneLiveFace, PassiveLiveness};
    let needs_selfie =
        [OneLiveFace, PassiveLiveness, FaceMatch, DuplicateFace, BlocklistedFace].contains(&check.name());
    assert!(alone.outcome == Outcome::NotRun || alone == signal, "{alone:?}");
    assert!(!needs_selfie || alone.outcome == Outcome::NotRun, "{alone:?}");
}

#[test]
fn image_quality() {
    let it = &ImageQuality::default();
    check(it, |_, _| {}, (Outcome::Pass, Code::QualityGood));
    check(it, |d, _| d.quality.short_side = 100, (Outcome::Fail, Code::QualitySmall));
    check(it, |d, _| d.quality.brightness = 10.0, (Outcome::Fail, Code::QualityDark));
    check(it, |d, _| d.quality.brightness = 253.0, (Outcome::Fail, Code::QualityBright));
    check(it, |d, _| d.quality.sharpness = 1.0, (Outcome::Fail, Code::QualityBlurred));
    check(it, |d, _| d.quality.glare = 0.4, (Outcome::Warn, Code::QualityGlare));
    check(it, |d, _| (d.quality.glare, d.quality.brightness) = (0.7, 230.0), (Outcome::Pass, Code::QualityGood));
}

#[test]
fn document_found() {
    check(&DocumentFound::default(), |_, _| {}, (Outcome::Pass, Code::DocumentSeen));
    check(&DocumentFound::default(), |d, _| d.text_lines = 1, (Outcome::Fail, Code::DocumentNotSeen));
}

#[test]
fn mrz_found() {
    check(&MrzFound, |_, _| {}, (Outcome::Pass, Code::MrzSeen));
    check(&MrzFound, |d, _| d.mrz = None, (Outcome::Fail, Code::MrzNotSeen));
}

#[test]
fn mrz_check_digits() {
    let doubt = |doubt| move |d: &mut Document, _: &mut Selfie| d.mrz.as_mut().unwrap().doubts.push(doubt);
    check(&MrzCheckDigits, |_, _| {}, (Outcome::Pass, Code::DigitsHold));
    check(&MrzCheckDigits, |d, _| d.mrz.as_mut().unwrap().repaired = true, (Outcome::Pass, Code::DigitsConfirmed));
    check(&MrzCheckDigits, |d, _| d.mrz.as_mut().unwrap().wrong_digits = 1, (Outcome::Fail, Code::DigitsWrong));
    check(&MrzCheckDigits, doubt(Doubt::CheckDigit), (Outcome::Fail, Code::DigitsWrong));
    let uncertain = [
        Doubt::AmbiguousRepair,
        Doubt::UnconfirmedRepair,
        Doubt::Rival,
        Doubt::Country,
        Doubt::Unclear,
        Doubt::TooSmall,
    ];
    for one in uncertain {
        check(&MrzCheckDigits, doubt(one), (Outcome::Warn, Code::DigitsUncertain));
    }
    check(&MrzCheckDigits, |d, _| d.mrz = None, (Outcome::NotRun, Code::MrzNotSeen));
}

#[test]
fn mrz_visual_zone() {
    use Agreement::{Agrees, Differs, NotRead};
    let set = |fields| move |d: &mut Document, _: &mut Selfie| d.visual_zone = visual_zone(fields);
    check(&MrzVisualZone, |_, _| {}, (Outcome::Pass, Code::VisualAgrees));
    check(&MrzVisualZone, |d, _| d.visual_zone = VisualZone::default(), (Outcome::NotRun, Code::VisualNotRead));
    check(&MrzVisualZone, set([Agrees, Agrees, Differs, Agrees, Agrees]), (Outcome::Warn, Code::VisualDiffers));
    check(&MrzVisualZone, set([NotRead, Agrees, Agrees, Agrees, Differs]), (Outcome::Warn, Code::VisualDiffers));
    check(&MrzVisualZone, set([Agrees, Agrees, Agrees, Agrees, NotRead]), (Outcome::NotRun, Code::VisualNotRead));
}

#[test]
fn document_expiry() {
    let on = |day| move |d: &mut Document, _: &mut Selfie| d.identity.as_mut().unwrap().expires = day;
    check(&DocumentExpiry, |_, _| {}, (Outcome::Pass, Code::DocumentInForce));
    check(&DocumentExpiry, on(Some(TODAY)), (Outcome::Pass, Code::DocumentInForce));
    check(&DocumentExpiry, on(Some(date(2026, 11, 21))), (Outcome::Fail, Code::DocumentExpired));
    check(&DocumentExpiry, on(None), (Outcome::NotRun, Code::DateNotRead));
    check(&DocumentExpiry, |d, _| d.identity = None, (Outcome::NotRun, Code::DateNotRead));
}

#[test]
fn document_issuer() {
    let sandbox = DocumentIssuer { environment: Environment::Sandbox };
    let live = DocumentIssuer { environment: Environment::Live };
    let real = |d: &mut Document, _: &mut Selfie| {
        let identity = d.identity.as_mut().unwrap();
        identity.issuing_state = "NLD".to_owned();
        identity.nationality = "NLD".to_owned();
    };
    check(&sandbox, |_, _| {}, (Outcome::Warn, Code::SpecimenTaken));
    check(&live, |_, _| {}, (Outcome::Fail, Code::SpecimenRefused));
    check(&sandbox, real, (Outcome::Pass, Code::IssuerTaken));
    check(&live, real, (Outcome::Pass, Code::IssuerTaken));
}

#[test]
fn minimum_age() {
    check(&MinimumAge { years: None }, |_, _| {}, (Outcome::Pass, Code::NoMinimumAge));
    check(&MinimumAge { years: Some(52) }, |_, _| {}, (Outcome::Pass, Code::OldEnough));
    check(&MinimumAge { years: Some(53) }, |_, _| {}, (Outcome::Fail, Code::TooYoung));
    check(
        &MinimumAge { years: None },
        |d, _| d.identity.as_mut().unwrap().birth_date = None,
        (Outcome::NotRun, Code::DateNotRead),
    );
}

#[test]
fn portrait_found() {
    let it = &PortraitFound::default();
    check(it, |_, _| {}, (Outcome::Pass, Code::PortraitSeen));
    check(it, |d, _| d.portrait.as_mut().unwrap().eye_distance = 15.0, (Outcome::Warn, Code::PortraitSmall));
    check(it, |d, _| d.portrait.as_mut().unwrap().eye_distance = 5.0, (Outcome::Fail, Code::PortraitNotSeen));
    check(it, |d, _| d.portrait = None, (Outcome::Fail, Code::PortraitNotSeen));
}

#[test]
fn one_live_face() {
    let it = &OneLiveFace::default();
    check(it, |_, _| {}, (Outcome::Pass, Code::OneFace));
    check(it, |_, s| (s.faces, s.face) = (0, None), (Outcome::Fail, Code::NoFace));
    check(it, |_, s| (s.faces, s.face) = (2, None), (Outcome::Fail, Code::SeveralFaces));
    check(it, |_, s| s.faces = 2, (Outcome::Fail, Code::SeveralFaces));
    check(it, |_, s| s.face.as_mut().unwrap().eye_distance = 29.0, (Outcome::Fail, Code::FaceSmall));
    check(it, |_, s| s.face.as_mut().unwrap().brightness = 10.0, (Outcome::Fail, Code::FaceDark));
    check(it, |_, s| s.face.as_mut().unwrap().brightness = 250.0, (Outcome::Fail, Code::FaceBright));
    check(it, |_, s| s.face.as_mut().unwrap().sharpness = 1.0, (Outcome::Fail, Code::FaceBlurred));
    check(it, |_, s| s.face.as_mut().unwrap().covered = 0.8, (Outcome::Fail, Code::FaceCovered));
}

#[test]
fn passive_liveness() {
    let it = &PassiveLiveness::from_manifest();
    check(it, |_, _| {}, (Outcome::Pass, Code::LivenessLive));
    check(it, |_, s| s.liveness = Liveness::Score(0.5), (Outcome::Pass, Code::LivenessLive));
    check(it, |_, s| s.liveness = Liveness::Score(0.49), (Outcome::Fail, Code::LivenessAttack));
    check(it, |_, s| s.liveness = Liveness::NotPerformed, (Outcome::NotRun, Code::LivenessNotPerformed));
    check(it, |_, s| s.liveness = Liveness::TooTight, (Outcome::Warn, Code::LivenessTooTight));
}

#[test]
fn face_match() {
    let it = &FaceMatch::from_manifest();
    assert_eq!((it.accept, it.review), (0.55, 0.62));
    let at = |steps| move |_: &mut Document, s: &mut Selfie| s.face.as_mut().unwrap().template = template(steps);
    check(it, at(0), (Outcome::Pass, Code::SamePerson));
    check(it, at(109), (Outcome::Pass, Code::SamePerson));
    check(it, at(111), (Outcome::Warn, Code::PerhapsSamePerson));
    check(it, at(123), (Outcome::Warn, Code::PerhapsSamePerson));
    check(it, at(125), (Outcome::Fail, Code::OtherPerson));
    check(it, |d, _| d.portrait = None, (Outcome::NotRun, Code::NotCompared));
    check(it, |_, s| s.face = None, (Outcome::NotRun, Code::NotCompared));
}

/// A kept face so many steps of 1/200 away.
fn kept_face(distance: f64, same_name: Option<bool>) -> FoundFace {
    let session = uuid::Uuid::from_u128(5);
    FoundFace { session, session_number: 5, at: jiff::Timestamp::UNIX_EPOCH, distance, score: 50.0, same_name }
}

#[test]
fn a_reference_in_place_of_a_document() {
    let selfie = selfie();
    let at = |template: &FaceTemplate, expected: (Outcome, Code)| {
        let evidence = Evidence { against: Against::Reference(&template.0), selfie: Some(&selfie), today: TODAY };
        let signal = FaceMatch::from_manifest().run(&evidence);
        assert_eq!((signal.outcome, signal.code), expected);
        // Nothing of a document can be said, so nothing of it passes.
        for check in of_document(&Workflow::live()) {
            assert_eq!(check.run(&evidence).outcome, Outcome::NotRun, "{}", check.name());
        }
    };
    at(&template(60), (Outcome::Pass, Code::SameAsReference));
    at(&template(0), (Outcome::Pass, Code::SameAsReference));
    at(&template(127), (Outcome::Pass, Code::SameAsReference));
    let far = |steps: u8| {
        let mut bytes = [0; 128];
        (bytes[0], bytes[1]) = (60, steps);
        FaceTemplate(face::Template::from_bytes(template(0).0.model().clone(), &bytes).unwrap())
    };
    at(&far(115), (Outcome::Warn, Code::PerhapsSameAsReference));
    at(&far(126), (Outcome::Fail, Code::OtherThanReference));
    let other = format!("other@sha256-{}", warifu_keys::base64url::encode(&[2; 32]));
    let other = FaceTemplate(face::Template::from_bytes(other.parse().unwrap(), &[0; 128]).unwrap());
    at(&other, (Outcome::NotRun, Code::TemplateOfOtherModel));
}

#[test]
fn duplicate_face() {
    let it = &DuplicateFace { bands: Bands::from_manifest() };
    let among = |faces: Vec<FoundFace>, earlier: Option<f64>| {
        move |_: &mut Document, s: &mut Selfie| {
            s.searched = Searched::Done(Found { enrolled: faces, blocked: vec![kept_face(0.1, None)], earlier });
        }
    };
    check(it, among(vec![], None), (Outcome::Pass, Code::NoDuplicateFace));
    check(it, among(vec![], Some(0.3)), (Outcome::Pass, Code::NoDuplicateFace));
    check(it, among(vec![], Some(0.62)), (Outcome::Warn, Code::EarlierFaceDiffers));
    check(it, among(vec![kept_face(0.54, None)], None), (Outcome::Fail, Code::DuplicateFace));
    check(it, among(vec![kept_face(0.54, Some(true))], None), (Outcome::Fail, Code::DuplicateFace));
    check(it, among(vec![kept_face(0.54, Some(false))], None), (Outcome::Fail, Code::DuplicateFaceOtherName));
    check(it, among(vec![kept_face(0.55, None)], None), (Outcome::Warn, Code::PerhapsDuplicateFace));
    check(it, among(vec![kept_face(0.62, None)], None), (Outcome::Pass, Code::NoDuplicateFace));
    check(it, |_, s| s.searched = Searched::NotYet, (Outcome::NotRun, Code::FacesNotSearched));
    let strict = &DuplicateFace { bands: Bands { certain: 400, possible: 450 } };
    check(strict, among(vec![kept_face(0.44, None)], None), (Outcome::Warn, Code::PerhapsDuplicateFace));
    check(strict, among(vec![kept_face(0.54, None)], None), (Outcome::Pass, Code::NoDuplicateFace));
}

#[test]
fn blocklisted_face() {
    let it = &BlocklistedFace { bands: Bands::from_manifest() };
    let among = |faces: Vec<FoundFace>| {
        move |_: &mut Document, s: &mut Selfie| {
            s.searched = Searched::Done(Found { enrolled: vec![kept_face(0.1, None)], blocked: faces, earlier: None });
        }
    };
    check(it, among(vec![]), (Outcome::Pass, Code::FaceNotBlocked));
    check(it, among(vec![kept_face(0.7, None), kept_face(0.5, None)]), (Outcome::Fail, Code::FaceBlocked));
    check(it, among(vec![kept_face(0.6, None)]), (Outcome::Warn, Code::PerhapsFaceBlocked));
    check(it, |_, s| s.searched = Searched::NotYet, (Outcome::NotRun, Code::FacesNotSearched));
}

#[test]
fn every_name_has_one_check() {
    for workflow in [Workflow::live(), Workflow::challenging(Method::Active3d), Workflow::challenging(Method::Flashing)]
    {
        let mut names: Vec<_> = all(&workflow).iter().map(|check| check.name()).collect();
        names.sort_unstable();
        let needed: Vec<_> = CheckName::ALL.iter().copied().filter(|name| workflow.needs(*name)).collect();
        assert_eq!(names, needed, "{}", workflow.label);
    }
    assert!(Workflow::challenging(Method::Active3d).needs(CheckName::ActiveLiveness));
}
