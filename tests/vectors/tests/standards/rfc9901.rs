//! RFC 9901, Selective Disclosure for JSON Web Tokens.

use warifu_vectors::vector_text;

#[test]
fn the_example_of_appendix_a3_is_there() {
    let Some(text) = vector_text("the_example_of_appendix_a3_is_there", "sd-jwt-vc/rfc9901-a3-sd-jwt-vc.txt") else {
        return;
    };
    assert!(text.contains('~'));
}
