//! The `kyc` profile: an identity that was verified once, as a non-qualified electronic attestation of attributes.
//!
//! Claim names are those of the PID rulebook 1.7 where it has one. The rows `issuing_country` to `document_number`
//! describe the identity document that was checked; who issued the attestation and how long it lives say the
//! certificate chain and `nbf`/`exp`.

use crate::Step::{Every, Name};
use crate::{Attribute, Kind, Label, Profile};

/// Path of the type identifier below the issuer's base URL: `vct` is the issuer identifier followed by this.
pub const VCT_PATH: &str = "/vct/kyc-identity/1";
/// Value of `attestation_legal_category` (PID rulebook 1.7): this is no PID and no qualified attestation.
pub const LEGAL_CATEGORY: &str = "non-qualified EAA";
/// Ages of `age_equal_or_over`, in years.
pub const AGES: [u8; 4] = [16, 18, 21, 65];
/// The profile.
pub const PROFILE: Profile = Profile {
    name: Label { en: "Verified identity", ja: "本人確認証" },
    description: Label {
        en: "Identity verified once against an identity document and a selfie. Non-qualified attestation, not a national \
             eID.",
        ja: "身分証と自撮り写真で一度確認された本人情報です。適格な証明でも公的な電子身分証でもありません。",
    },
    doctype: "org.warifu.kyc.1",
    attributes: ATTRIBUTES,
    card: Some(include_str!("card.svg")),
};

const ATTRIBUTES: &[Attribute] = &[
    Attribute::mandatory(&[Name("family_name")], Kind::Text, "family_name", "Family name", "姓")
        .meaning(
            "As printed in the document; names read from the machine-readable zone are upper case.",
            "身分証に印字された表記。機械読取領域から読み取った名前は大文字です。",
        )
        .shown("family_name"),
    Attribute::mandatory(&[Name("given_name")], Kind::Text, "given_name", "Given names", "名")
        .meaning(
            "As printed in the document; names read from the machine-readable zone are upper case.",
            "身分証に印字された表記。機械読取領域から読み取った名前は大文字です。",
        )
        .shown("given_name"),
    Attribute::mandatory(&[Name("birthdate")], Kind::Date, "birth_date", "Date of birth", "生年月日")
        .shown("birthdate"),
    Attribute::mandatory(&[Name("nationalities")], Kind::Array, "nationality", "Nationalities", "国籍"),
    Attribute::part(&[Name("nationalities"), Every], Kind::Country, "Nationality", "国籍"),
    Attribute::mandatory(&[Name("sex")], Kind::Number, "sex", "Sex", "性別").meaning(
        "0 unknown, 1 male, 2 female, 3 other, 9 not applicable.",
        "0 不明、1 男、2 女、3 その他、9 該当なし。",
    ),
    Attribute::optional(&[Name("place_of_birth")], Kind::Object, "place_of_birth", "Place of birth", "出生地"),
    Attribute::part(&[Name("place_of_birth"), Name("country")], Kind::Country, "Country of birth", "出生国"),
    Attribute::part(&[Name("place_of_birth"), Name("region")], Kind::Text, "Region of birth", "出生地域"),
    Attribute::part(&[Name("place_of_birth"), Name("locality")], Kind::Text, "Town of birth", "出生市町村"),
    Attribute::optional(&[Name("picture")], Kind::Picture, "portrait", "Portrait", "顔写真"),
    Attribute::mandatory(
        &[Name("issuing_country")],
        Kind::Country,
        "issuing_country",
        "Document issued in",
        "身分証の発行国",
    ),
    Attribute::optional(
        &[Name("issuing_authority")],
        Kind::Text,
        "issuing_authority",
        "Document issued by",
        "身分証の発行機関",
    ),
    Attribute::optional(
        &[Name("date_of_issuance")],
        Kind::Date,
        "issuance_date",
        "Document issued on",
        "身分証の発行日",
    ),
    Attribute::optional(
        &[Name("date_of_expiry")],
        Kind::Date,
        "expiry_date",
        "Document expires on",
        "身分証の有効期限",
    ),
    Attribute::optional(&[Name("document_number")], Kind::Text, "document_number", "Document number", "身分証の番号"),
    Attribute::part(&[Name("age_equal_or_over")], Kind::Object, "Age", "年齢")
        .required()
        .meaning("As of the day the credential was issued.", "発行日の時点。"),
    Attribute::optional(
        &[Name("age_equal_or_over"), Name("16")],
        Kind::Boolean,
        "age_over_16",
        "16 or older",
        "16歳以上",
    ),
    Attribute::optional(
        &[Name("age_equal_or_over"), Name("18")],
        Kind::Boolean,
        "age_over_18",
        "18 or older",
        "18歳以上",
    ),
    Attribute::optional(
        &[Name("age_equal_or_over"), Name("21")],
        Kind::Boolean,
        "age_over_21",
        "21 or older",
        "21歳以上",
    ),
    Attribute::optional(
        &[Name("age_equal_or_over"), Name("65")],
        Kind::Boolean,
        "age_over_65",
        "65 or older",
        "65歳以上",
    ),
    Attribute::mandatory(&[Name("assurance")], Kind::Object, "assurance", "How it was verified", "確認の方法"),
    Attribute::part(&[Name("assurance"), Name("level")], Kind::Text, "Level of assurance", "保証レベル"),
    Attribute::part(&[Name("assurance"), Name("verified_at")], Kind::Instant, "Verified at", "確認日時"),
    Attribute::part(&[Name("assurance"), Name("method")], Kind::Text, "Method", "方法"),
    Attribute::part(&[Name("assurance"), Name("checks")], Kind::Array, "Checks passed", "合格した検査"),
    Attribute::part(&[Name("assurance"), Name("checks"), Every], Kind::Text, "Check passed", "合格した検査"),
    Attribute::mandatory(
        &[Name("attestation_legal_category")],
        Kind::Text,
        "attestation_legal_category",
        "Legal category",
        "法的区分",
    ),
    Attribute::optional(&[Name("face_template")], Kind::Opaque, "face_template", "Face template", "顔テンプレート")
        .meaning(
            "Stays on your device. No one you share with needs it.",
            "端末の中だけに残ります。共有相手には不要です。",
        ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_age_has_a_row() {
        let rows =
            ATTRIBUTES.iter().filter(|row| row.path.len() == 2 && row.path[0] == Name("age_equal_or_over")).count();
        assert_eq!(rows, AGES.len());
        for (age, name) in AGES.iter().zip(["16", "18", "21", "65"]) {
            assert_eq!(age.to_string(), name);
            let row = PROFILE.attribute(&[Name("age_equal_or_over"), Name(name)]).unwrap();
            assert_eq!(row.element, Some(format!("age_over_{age}").as_str()));
        }
    }
}
