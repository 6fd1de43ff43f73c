//! Latin names as a machine-readable zone writes them (ICAO Doc 9303 part 3, section 6 A).
//!
//! For some letters the standard leaves a choice (`Ä` as `AE` or `A`, `Ñ` as `N` or `NXX`); issuers differ, so names
//! are compared under all of them. Cyrillic and Arabic names are left out: the text recogniser cannot read them.

/// The words of a name in zone letters, with the first spelling that the standard lists.
///
/// Apostrophes vanish, hyphens and spaces separate words, anything unknown is dropped.
pub fn name(text: &str) -> Vec<String> {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_uppercase) {
        match character {
            'A'..='Z' => out.push(character),
            '\'' | '\u{2019}' | '`' | '\u{b4}' | '.' | ',' => {}
            _ if character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '<' | '/') => {
                out.push(' ')
            }
            _ => out.push_str(letter(character).0),
        }
    }
    out.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A form of a name in which all spellings of section 6 A, and letters whose accent was not seen, are equal.
///
/// `AE`, `OE`, `UE`, `AA` and `SS` are folded to their base letter, so that `MÜLLER`, `MULLER` and `MUELLER` agree.
/// Digits take the letter they look like, since names have none. This cannot tell `MANUELA` from `MANULA`; use it for
/// agreement between two readings of one name, not for identity.
pub fn skeleton(text: &str) -> Vec<String> {
    let shaped: String = text
        .chars()
        .map(|character| match character {
            '0' => 'O',
            '1' | '|' => 'I',
            '5' => 'S',
            '8' => 'B',
            '2' => 'Z',
            other => other,
        })
        .collect();
    name(&shaped)
        .into_iter()
        .map(|word| {
            let mut out = String::with_capacity(word.len());
            for letter in word.chars() {
                let folded = matches!(
                    (out.chars().last(), letter),
                    (Some('A' | 'O' | 'U'), 'E') | (Some('A'), 'A') | (Some('S'), 'S')
                );
                if !folded {
                    out.push(letter);
                }
            }
            out.replace("NXX", "N")
        })
        .collect()
}

/// First and second spelling of a letter (part 3, section 6 A, table 6); equal where there is one only.
fn letter(character: char) -> (&'static str, &'static str) {
    let one = |spelling| (spelling, spelling);
    match character {
        'Á' | 'À' | 'Â' | 'Ã' | 'Ă' | 'Ā' | 'Ą' | 'Ǎ' => one("A"),
        'Ä' => ("AE", "A"),
        'Å' => ("AA", "A"),
        'Æ' => one("AE"),
        'Ć' | 'Ĉ' | 'Č' | 'Ċ' | 'Ç' => one("C"),
        'Đ' | 'Ď' | 'Ð' => one("D"),
        'É' | 'È' | 'Ê' | 'Ë' | 'Ě' | 'Ė' | 'Ē' | 'Ę' | 'Ĕ' => one("E"),
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => one("G"),
        'Ħ' | 'Ĥ' => one("H"),
        'Í' | 'Ì' | 'Î' | 'Ï' | 'Ĩ' | 'İ' | 'Ī' | 'Į' | 'Ĭ' | 'ı' => one("I"),
        'Ĵ' => one("J"),
        'Ķ' => one("K"),
        'Ł' | 'Ĺ' | 'Ľ' | 'Ļ' | 'Ŀ' => one("L"),
        'Ń' | 'Ň' | 'Ņ' | 'Ŋ' => one("N"),
        'Ñ' => ("N", "NXX"),
        'Ø' => ("OE", "O"),
        'Ó' | 'Ò' | 'Ô' | 'Õ' | 'Ő' | 'Ō' | 'Ŏ' => one("O"),
        'Ö' => ("OE", "O"),
        'Œ' => one("OE"),
        'Ŕ' | 'Ř' | 'Ŗ' => one("R"),
        'Ś' | 'Ŝ' | 'Š' | 'Ş' | 'Ș' => one("S"),
        'ß' | 'ẞ' => one("SS"),
        'Ť' | 'Ţ' | 'Ț' | 'Ŧ' => one("T"),
        'Þ' => one("TH"),
        'Ú' | 'Ù' | 'Û' | 'Ũ' | 'Ŭ' | 'Ű' | 'Ů' | 'Ū' | 'Ų' => one("U"),
        'Ü' => ("UE", "U"),
        'Ŵ' => one("W"),
        'Ý' | 'Ŷ' | 'Ÿ' => one("Y"),
        'Ź' | 'Ž' | 'Ż' => one("Z"),
        _ => one(""),
    }
}

/// Both spellings of a name's words: the first and, where it differs, the second one of the standard.
pub fn variants(text: &str) -> Vec<Vec<String>> {
    let first = name(text);
    let second = name(
        &text
            .chars()
            .flat_map(char::to_uppercase)
            .map(|character| match letter(character) {
                ("", _) => character.to_string(),
                (_, second) => second.to_owned(),
            })
            .collect::<String>(),
    );
    if first == second { vec![first] } else { vec![first, second] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(name(text).join("<"), expected, "{text}");
    }

    #[test]
    fn spellings_of_the_standard() {
        check("Müller", "MUELLER");
        check("O'Connor", "OCONNOR");
        check("van der Muellen", "VAN<DER<MUELLEN");
        check("Alves-Pinto", "ALVES<PINTO");
        check("Weiß", "WEISS");
        check("Åse Bjørnsen", "AASE<BJOERNSEN");
        check("ŁUKASZEWICZ", "LUKASZEWICZ");
        check("Çelik İnci ılgaz", "CELIK<INCI<ILGAZ");
        check("Þórr Æsir", "THORR<AESIR");
        assert_eq!(variants("Núñez Jäger"), [["NUNEZ", "JAEGER"], ["NUNXXEZ", "JAGER"]]);
    }

    #[test]
    fn readings_of_one_name_agree() {
        for other in ["MUELLER", "MULLER", "Müller", "MÜLLER"] {
            assert_eq!(skeleton("Müller"), skeleton(other), "{other}");
        }
        assert_eq!(skeleton("Åse"), skeleton("AASE"));
        assert_eq!(skeleton("WEIß"), skeleton("WEISS"));
        assert_eq!(skeleton("LE0N"), skeleton("LEON"));
        assert_ne!(skeleton("MILLER"), skeleton("MULLER"));
    }

    proptest! {
        #[test]
        fn only_zone_letters_come_out(text in "\\PC{0,40}") {
            for word in name(&text).iter().chain(variants(&text).iter().flatten()) {
                prop_assert!(!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase()));
            }
            let _ = skeleton(&text);
        }
    }
}
