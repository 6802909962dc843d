//! How a job is declared: the #[job] attribute.
