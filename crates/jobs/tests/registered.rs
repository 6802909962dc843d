//! The built-in jobs as a program finds them.

use job::Registry;

#[test]
fn every_built_in_job_is_linked_in() {
    jobs::link();
    let registry = Registry::discover().unwrap();
    let names: Vec<_> = registry.names().collect();
    assert_eq!(names, ["echo", "exec", "http", "sleep", "transform"]);
}
