//! `dateTimeStamp` of XML Schema 1.1 (section 3.4.28), the only form of time in VCDM 2.0 and Data Integrity: a time zone is
//! never left out.

use jiff::Timestamp;

/// How far a stranger's clock may be ahead of ours, in seconds.
pub const LEEWAY: i64 = 300;

/// The instant that `text` names; `None` where it is no `dateTimeStamp`.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let (head, rest) = bytes.split_at_checked(shape.len())?;
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == shape };
    if !head.iter().zip(shape).all(fits) {
        return None;
    }
    let zone = match rest {
        [b'.', tail @ ..] => {
            let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
            // Nanoseconds; more digits name no instant that two readers agree on.
            if digits == 0 || digits > 9 {
                return None;
            }
            &tail[digits..]
        }
        whole => whole,
    };
    match zone {
        b"Z" | [b'+' | b'-', _, _, b':', _, _] => text.parse().ok(),
        _ => None,
    }
}

/// `instant` in whole seconds, in UTC.
#[must_use]
pub fn write(instant: Timestamp) -> String {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant).to_string()
}

/// Whether `instant` is later than `now`, beyond what clocks may differ.
pub(crate) fn is_ahead(instant: Timestamp, now: Timestamp) -> bool {
    instant.as_second() > now.as_second().saturating_add(LEEWAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_never_left_out() {
        let good = [("2023-01-01T00:00:00Z", 1_672_531_200), ("2023-01-01T01:00:00+01:00", 1_672_531_200)];
        for (text, second) in good {
            assert_eq!(parse(text).map(Timestamp::as_second), Some(second), "{text}");
        }
        assert!(parse("2023-01-01T00:00:00.123456789Z").is_some());
        for text in [
            "2023-01-01T00:00:00",
            "2023-01-01",
            "2023-01-01 00:00:00Z",
            "2023-01-01t00:00:00Z",
            "2023-01-01T00:00:00z",
            "2023-13-01T00:00:00Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00.1234567890Z",
            "2023-01-01T00:00:00+0100",
            "2023-01-01T00:00:00Z[UTC]",
            "２023-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
