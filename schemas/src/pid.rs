//! The `pid-sandbox` profile: the shapes of the PID rulebook 1.7 in both encodings, for tests of interoperability.
//!
//! Only a party that a Member State has notified issues person identification data. What is minted by this profile is
//! labelled as a sandbox wherever there is room for a label.

use crate::Step::{Every, Name};
use crate::{Attribute, Kind, Label, Profile};

/// Type identifier of the SD-JWT VC (PID rulebook 1.7).
pub const VCT: &str = "urn:eudi:pid:1";
/// Value of `attestation_legal_category`, where the rulebook leaves room to say what this is.
pub const LEGAL_CATEGORY: &str = "sandbox, not a PID";

/// The profile.
pub const PROFILE: Profile = Profile {
    name: Label { en: "PID (sandbox)", ja: "PID(サンドボックス)" },
    description: Label {
        en: "Person identification data in the shape of the European rulebook, for tests only. Not issued by a PID \
             provider.",
        ja: "欧州規則の形をした試験専用の本人識別データです。PID提供者が発行したものではありません。",
    },
    doctype: "eu.europa.ec.eudi.pid.1",
    attributes: ATTRIBUTES,
    card: None,
};

const ATTRIBUTES: &[Attribute] = &[
    Attribute::mandatory(&[Name("family_name")], Kind::Text, "family_name", "Family name", "姓"),
    Attribute::mandatory(&[Name("given_name")], Kind::Text, "given_name", "Given names", "名"),
    Attribute::mandatory(&[Name("birthdate")], Kind::Date, "birth_date", "Date of birth", "生年月日"),
    Attribute::mandatory(&[Name("place_of_birth")], Kind::Object, "place_of_birth", "Place of birth", "出生地"),
    Attribute::part(&[Name("place_of_birth"), Name("country")], Kind::Country, "Country of birth", "出生国"),
    Attribute::part(&[Name("place_of_birth"), Name("region")], Kind::Text, "Region of birth", "出生地域"),
    Attribute::part(&[Name("place_of_birth"), Name("locality")], Kind::Text, "Town of birth", "出生市町村"),
    Attribute::mandatory(&[Name("nationalities")], Kind::Array, "nationality", "Nationalities", "国籍"),
    Attribute::part(&[Name("nationalities"), Every], Kind::Country, "Nationality", "国籍"),
    Attribute::mandatory(&[Name("picture")], Kind::Picture, "portrait", "Portrait", "顔写真")
        .meaning("Empty where the person opted out.", "本人が希望しない場合は空です。"),
    Attribute::part(&[Name("address")], Kind::Object, "Address", "住所"),
    Attribute::optional(
        &[Name("address"), Name("formatted")],
        Kind::Text,
        "resident_address",
        "Full address",
        "住所全体",
    ),
    Attribute::optional(&[Name("address"), Name("country")], Kind::Country, "resident_country", "Country", "国"),
    Attribute::optional(&[Name("address"), Name("region")], Kind::Text, "resident_state", "Region", "地域"),
    Attribute::optional(&[Name("address"), Name("locality")], Kind::Text, "resident_city", "Town", "市町村"),
    Attribute::optional(
        &[Name("address"), Name("postal_code")],
        Kind::Text,
        "resident_postal_code",
        "Postal code",
        "郵便番号",
    ),
    Attribute::optional(&[Name("address"), Name("street_address")], Kind::Text, "resident_street", "Street", "通り"),
    // The rulebook has no element for it: in an mdoc it is part of `resident_address`.
    Attribute::part(&[Name("address"), Name("house_number")], Kind::Text, "House number", "番地"),
    Attribute::optional(
        &[Name("personal_administrative_number")],
        Kind::Text,
        "personal_administrative_number",
        "Personal number",
        "個人番号",
    ),
    Attribute::optional(
        &[Name("birth_family_name")],
        Kind::Text,
        "family_name_birth",
        "Family name at birth",
        "出生時の姓",
    ),
    Attribute::optional(
        &[Name("birth_given_name")],
        Kind::Text,
        "given_name_birth",
        "Given names at birth",
        "出生時の名",
    ),
    Attribute::optional(&[Name("sex")], Kind::Number, "sex", "Sex", "性別").meaning(
        "0 unknown, 1 male, 2 female, 3 other, 4 inter, 5 diverse, 6 open, 9 not applicable.",
        "0 不明、1 男、2 女、3 その他、4 インター、5 多様、6 未定、9 該当なし。",
    ),
    Attribute::optional(&[Name("email")], Kind::Text, "email_address", "E-mail address", "メールアドレス"),
    Attribute::optional(&[Name("phone_number")], Kind::Text, "mobile_phone_number", "Mobile phone", "携帯電話"),
    Attribute::mandatory(&[Name("issuing_authority")], Kind::Text, "issuing_authority", "Issued by", "発行機関"),
    Attribute::mandatory(&[Name("issuing_country")], Kind::Country, "issuing_country", "Issued in", "発行国"),
    Attribute::optional(&[Name("date_of_issuance")], Kind::Date, "issuance_date", "Issued on", "発行日"),
    Attribute::optional(&[Name("date_of_expiry")], Kind::Date, "expiry_date", "Expires on", "有効期限"),
    Attribute::optional(&[Name("document_number")], Kind::Text, "document_number", "PID number", "PID番号").meaning(
        "Given to this data by its issuer; no passport number.",
        "発行者がこのデータに付けた番号です。旅券番号ではありません。",
    ),
    Attribute::optional(
        &[Name("issuing_jurisdiction")],
        Kind::Text,
        "issuing_jurisdiction",
        "Issuing jurisdiction",
        "発行地域",
    ),
    Attribute::optional(&[Name("trust_anchor")], Kind::Text, "trust_anchor", "Trust anchor", "信頼の起点"),
    Attribute::optional(
        &[Name("attestation_legal_category")],
        Kind::Text,
        "attestation_legal_category",
        "Legal category",
        "法的区分",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of PID rulebook 1.7, chapters 2 to 4, as `mdoc element = SD-JWT claim`.
    #[test]
    fn names_are_those_of_the_rulebook() {
        let rows = "family_name=family_name given_name=given_name birth_date=birthdate place_of_birth=place_of_birth \
                    nationality=nationalities portrait=picture resident_address=address.formatted \
                    resident_country=address.country resident_state=address.region resident_city=address.locality \
                    resident_postal_code=address.postal_code resident_street=address.street_address \
                    personal_administrative_number=personal_administrative_number \
                    family_name_birth=birth_family_name given_name_birth=birth_given_name sex=sex \
                    email_address=email mobile_phone_number=phone_number issuing_authority=issuing_authority \
                    issuing_country=issuing_country issuance_date=date_of_issuance expiry_date=date_of_expiry \
                    document_number=document_number issuing_jurisdiction=issuing_jurisdiction \
                    trust_anchor=trust_anchor attestation_legal_category=attestation_legal_category";
        let name = |row: &Attribute| {
            let steps = row.path.iter().map(|step| match step {
                Name(name) => *name,
                Every => "*",
            });
            steps.collect::<Vec<_>>().join(".")
        };
        let found: Vec<String> =
            ATTRIBUTES.iter().filter_map(|row| Some(format!("{}={}", row.element?, name(row)))).collect();
        assert_eq!(found, rows.split_whitespace().collect::<Vec<_>>());
    }

    /// CIR 2024/2977 has no age attributes, so no PID has any.
    #[test]
    fn there_is_no_age() {
        assert!(ATTRIBUTES.iter().all(|row| row.element.is_none_or(|element| !element.starts_with("age"))));
    }
}
