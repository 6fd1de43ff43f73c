//! Codes of states and organisations in machine-readable zones (ICAO Doc 9303 part 3, section 5).

/// ISO 3166-1 alpha-3 codes, then the codes that part 3 adds: organisations, stateless persons, British statuses,
/// Germany's single letter, Kosovo, and the example state.
pub const CODES: &str = "\
ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM BLR \
BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM CYP \
CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB \
GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN \
KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD \
MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN \
PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM \
SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR \
UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE \
D<< EUE GBD GBN GBO GBP GBS IAO NTZ RKS UNA UNK UNO UTO XAA XBA XCC XCE XCO XDC XEC XES XIM XMP XOM XPO XXA XXB XXC XXX";

/// Whether the text is such a code; fillers at its end may be left out.
pub fn is_known(code: &str) -> bool {
    let code = code.trim_end_matches('<');
    !code.is_empty() && CODES.split(' ').any(|known| known.trim_end_matches('<') == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_organisations_and_others() {
        for code in ["UTO", "D<<", "D", "XXA", "CHE", "ZWE", "ABW", "UNO", "EUE"] {
            assert!(is_known(code), "{code}");
        }
        for code in ["", "<<<", "UT", "DE", "BDR", "SI<", "ABW AFG", "uto"] {
            assert!(!is_known(code), "{code}");
        }
        assert!(CODES.split(' ').all(|code| code.len() == 3));
        assert_eq!(CODES.split(' ').count(), 249 + 30);
    }
}
