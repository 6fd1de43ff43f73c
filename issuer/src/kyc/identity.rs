//! Who the document says its holder is.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What was read from the machine-readable zone (ICAO Doc 9303), with names in the spelling of the printed text where
/// both agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Primary identifier.
    pub family_name: String,
    /// Secondary identifier; empty for people with one name.
    pub given_name: String,
    /// Date of birth; absent where the document leaves parts of it open.
    pub birth_date: Option<Date>,
    /// Sex, as the document says it.
    pub sex: Sex,
    /// Nationality, in the three-letter codes of ICAO Doc 9303 part 3 section 5.
    pub nationality: String,
    /// What kind of document it is.
    pub document_kind: DocumentKind,
    /// Number of the document.
    pub document_number: String,
    /// Issuing state or organisation, three-letter code as above.
    pub issuing_state: String,
    /// Last day in force; absent where it could not be read.
    pub expires: Option<Date>,
    /// Optional data of the zone, often a personal number; absent when empty.
    pub personal_number: Option<String>,
    /// Place of birth as printed, where it was read clearly. No check digit vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_place: Option<String>,
}

/// Sex as in a machine-readable zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sex {
    /// `F`.
    #[serde(rename = "F")]
    Female,
    /// `M`.
    #[serde(rename = "M")]
    Male,
    /// `<` or `X`.
    #[serde(rename = "X")]
    Unspecified,
}

impl Sex {
    /// The number of the PID attribute `sex` (ISO/IEC 5218 as extended by the PID rulebook 1.7): 1 male, 2 female, 0 not
    /// known, because a machine-readable zone does not say more.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::Male => 1,
            Self::Female => 2,
        }
    }

    /// `M`, `F` or `U`, as the v3 session API says it.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Unspecified => "U",
            Self::Male => "M",
            Self::Female => "F",
        }
    }
}

/// The kind of a travel document, by the first character of its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// `P`.
    Passport,
    /// `I`, `A` or `C`.
    IdentityCard,
    /// `V`.
    Visa,
}

impl DocumentKind {
    /// The kind by the zone's document code; identity cards and everything that is neither passport nor visa are cards.
    #[must_use]
    pub fn from_code(code: &str) -> Self {
        match code.as_bytes().first() {
            Some(b'P') => Self::Passport,
            Some(b'V') => Self::Visa,
            Some(_) | None => Self::IdentityCard,
        }
    }

    /// The name that the v3 session API gives it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Passport => "Passport",
            Self::IdentityCard => "Identity Card",
            Self::Visa => "Visa",
        }
    }
}

impl Identity {
    /// Given name and family name, as in a letter.
    #[must_use]
    pub fn full_name(&self) -> String {
        [self.given_name.as_str(), self.family_name.as_str()].join(" ").trim().to_owned()
    }

    /// Age in whole years on `today`.
    #[must_use]
    pub fn age(&self, today: Date) -> Option<u16> {
        let birth = self.birth_date?;
        let years =
            today.year() - birth.year() - i16::from((today.month(), today.day()) < (birth.month(), birth.day()));
        u16::try_from(years).ok()
    }

    /// Nationality in ISO 3166-1 alpha-2, or the PID rulebook's `QU` (unknown) and `QS` (stateless).
    #[must_use]
    pub fn nationality_alpha2(&self) -> &'static str {
        alpha2(&self.nationality)
    }
}

/// Whether the code stands for no state: Utopia, the fictional issuer of ICAO's specimens.
#[must_use]
pub fn is_specimen_state(code: &str) -> bool {
    code == "UTO"
}

/// The two-letter code for a three-letter code of ICAO Doc 9303 part 3 section 5. What stands for no country gives the
/// PID rulebook's `QU` (unknown), stateless persons `QS`.
#[must_use]
pub fn alpha2(code: &str) -> &'static str {
    match code {
        "D" => return "DE",
        "GBD" | "GBN" | "GBO" | "GBP" | "GBS" => return "GB",
        "RKS" | "XKX" => return "XK",
        "XXA" => return "QS",
        _ => {}
    }
    COUNTRIES.split(' ').find_map(|row| row.strip_prefix(code).filter(|two| two.len() == 2)).unwrap_or("QU")
}

/// ISO 3166-1: alpha-3 followed by alpha-2.
const COUNTRIES: &str = "\
ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT AZEAZ BDIBI BELBE BENBJ \
BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB BRNBN BTNBT BVTBV BWABW CAFCF CANCA \
CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG COKCK COLCO COMKM CPVCV CRICR CUBCU CUWCW CXRCX CYMKY CYPCY CZECZ DEUDE \
DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR FROFO FSMFM GABGA GBRGB \
GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL GTMGT GUFGF GUMGU GUYGY HKGHK HMDHM HNDHN HRVHR \
HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE JORJO JPNJP KAZKZ KENKE KGZKG KHMKH \
KIRKI KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT LUXLU LVALV MACMO MAFMF MARMA MCOMC MDAMD \
MDGMG MDVMV MEXMX MHLMH MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA \
NCLNC NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ OMNOM PAKPK PANPA PCNPN PERPE PHLPH PLWPW PNGPG POLPL \
PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU RWARW SAUSA SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ SLBSB SLESL \
SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR SVKSK SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC TCDTD TGOTG THATH TJKTJ \
TKLTK TKMTM TLSTL TONTO TTOTT TUNTN TURTR TUVTV TWNTW TZATZ UGAUG UKRUA UMIUM URYUY USAUS UZBUZ VATVA VCTVC VENVE VGBVG \
VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA ZMBZM ZWEZW";

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;

    /// The holder of ICAO's specimen.
    pub(crate) fn identity() -> Identity {
        Identity {
            family_name: "ERIKSSON".to_owned(),
            given_name: "ANNA MARIA".to_owned(),
            birth_date: Some(date(1974, 8, 12)),
            sex: Sex::Female,
            nationality: "UTO".to_owned(),
            document_kind: DocumentKind::Passport,
            document_number: "L898902C3".to_owned(),
            issuing_state: "UTO".to_owned(),
            expires: Some(date(2031, 4, 15)),
            personal_number: None,
            birth_place: Some("ZENITH".to_owned()),
        }
    }

    #[test]
    fn every_country_has_one_row() {
        let rows: Vec<_> = COUNTRIES.split(' ').collect();
        assert_eq!(rows.len(), 249);
        assert!(rows.iter().all(|row| row.len() == 5 && row.bytes().all(|byte| byte.is_ascii_uppercase())));
        assert!(rows.is_sorted());
        let mut twos: Vec<_> = rows.iter().map(|row| &row[3..]).collect();
        twos.sort_unstable();
        twos.dedup();
        assert_eq!(twos.len(), 249);
    }

    #[test]
    fn codes_of_the_zone() {
        for (code, expected) in [
            ("DEU", "DE"),
            ("D", "DE"),
            ("JPN", "JP"),
            ("GBN", "GB"),
            ("UTO", "QU"),
            ("XXA", "QS"),
            ("", "QU"),
            ("ZZZ", "QU"),
        ] {
            assert_eq!(alpha2(code), expected, "`{code}`");
        }
    }

    #[test]
    fn age_changes_on_the_birthday() {
        let who = identity();
        assert_eq!(who.age(date(2026, 8, 11)), Some(51));
        assert_eq!(who.age(date(2026, 8, 12)), Some(52));
        assert_eq!(who.age(date(1970, 1, 1)), None);
    }
}
