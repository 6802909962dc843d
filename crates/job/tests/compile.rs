//! What the attribute refuses, and how it says so.

#[test]
fn a_wrong_declaration_is_a_compile_error_that_says_how_to_mend_it() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass.rs");
    cases.compile_fail("tests/ui/refused_*.rs");
}
