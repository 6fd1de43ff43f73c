#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| warifu_vectors::fuzz::cose_sign1(bytes));
